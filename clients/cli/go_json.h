#ifndef HOLKAS_CLIENTS_CLI_GO_JSON_H_
#define HOLKAS_CLIENTS_CLI_GO_JSON_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace holkas {

// JSON to the byte as Go's encoding/json writes it (MarshalIndent with four spaces), which is what
// Skopeo prints.

// A JSON string with its quotes. `<`, `>`, `&`, U+2028 and U+2029 are escaped; what is not UTF-8
// becomes U+FFFD.
std::string GoJsonString(absl::string_view text);

// Writes one value, depth first. Keys belong to objects only; an object or array that gets nothing
// is `{}` or `[]`.
class GoJsonWriter {
 public:
  void BeginObject() { Begin('{'); }
  void EndObject() { End('}'); }
  void BeginArray() { Begin('['); }
  void EndArray() { End(']'); }
  // Precedes each value in an object.
  void Key(absl::string_view key);
  void String(absl::string_view value);
  void Int(int64_t value);
  void Null();
  // `["a", "b"]`.
  void Strings(const std::vector<std::string>& values);
  // An object sorted by key, as Go writes maps.
  void StringMap(const std::map<std::string, std::string>& values);

  // What was written, without a final newline.
  const std::string& text() const { return text_; }

 private:
  void Begin(char bracket);
  void End(char bracket);
  // Writes the comma, line break and indentation that precede a value.
  void Separate();
  void NewLine();

  std::string text_;
  // Whether each open object or array has an element.
  std::vector<bool> filled_;
  bool after_key_ = false;
};

// `json`, which is valid JSON, with Go's indentation and escapes; the order of keys and the
// spelling of numbers stay. Text that is no JSON gives text that is none.
std::string GoIndent(absl::string_view json);

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_GO_JSON_H_
