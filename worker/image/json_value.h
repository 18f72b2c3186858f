#ifndef HOLKAS_WORKER_IMAGE_JSON_VALUE_H_
#define HOLKAS_WORKER_IMAGE_JSON_VALUE_H_

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"

namespace holkas {

class JsonValue;
struct JsonMember;

// The members of an object in the order in which they were written.
using JsonObject = std::vector<JsonMember>;
using JsonArray = std::vector<JsonValue>;

// A number as it was written, so that it can be written again unchanged.
struct JsonNumber {
  std::string text;
};

// A JSON value (RFC 8259). ParseStrictJson makes it of bytes; JSON that is written is built from it
// in the order in which its members are added.
class JsonValue {
 public:
  JsonValue();  // null
  explicit JsonValue(bool value);
  explicit JsonValue(int64_t value);
  explicit JsonValue(JsonNumber value);
  explicit JsonValue(std::string value);
  explicit JsonValue(absl::string_view value);
  explicit JsonValue(const char* value);
  explicit JsonValue(JsonArray value);
  explicit JsonValue(JsonObject value);
  JsonValue(const JsonValue&);
  JsonValue(JsonValue&&) noexcept;
  JsonValue& operator=(const JsonValue&);
  JsonValue& operator=(JsonValue&&) noexcept;
  ~JsonValue();

  bool is_null() const;

  // The value, where it is of the kind; else null.
  const bool* boolean() const;
  const JsonNumber* number() const;
  const std::string* string() const;
  const JsonArray* array() const;
  JsonArray* array();
  const JsonObject* object() const;
  JsonObject* object();

  // The member of an object; null where there is none or this is no object.
  const JsonValue* Find(absl::string_view key) const;
  JsonValue* Find(absl::string_view key);

  // Compact JSON, byte for byte as Go's encoding/json writes it: <, > and & escaped, so that
  // digests of rewritten documents equal those of the tools written in Go.
  std::string Write() const;

 private:
  std::variant<std::monostate, bool, JsonNumber, std::string, JsonArray, JsonObject> value_;
};

struct JsonMember {
  std::string key;
  JsonValue value;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_IMAGE_JSON_VALUE_H_
