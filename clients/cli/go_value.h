#ifndef HOLKAS_CLIENTS_CLI_GO_VALUE_H_
#define HOLKAS_CLIENTS_CLI_GO_VALUE_H_

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace holkas {

// A moment in a time zone that is known by its offset.
struct GoTime {
  absl::Time time;
  int offset_seconds = 0;

  // Errors: INVALID_ARGUMENT for what is not of RFC 3339.
  static absl::StatusOr<GoTime> Parse(absl::string_view rfc3339);

  // `2006-01-02 15:04:05.999999999 -0700 MST`, as Go prints a time.
  std::string ToString() const;
  // As Go's RFC3339Nano.
  std::string ToRfc3339() const;
};

// A value as Go's text/template sees it: what a template walks through and prints (go_template.h).
class GoValue {
 public:
  // A pointer or an interface that holds nothing.
  struct Nil {};
  // What a map gives for a key that it has not.
  struct NoValue {};
  // A string of a type that has methods.
  struct Digest {
    std::string text;
  };
  // Nil ones print as empty ones do, but for JSON.
  struct List {
    std::vector<GoValue> items;
    bool is_nil = false;
  };
  struct Map {
    std::vector<std::pair<std::string, GoValue>> entries;  // sorted by key
    bool is_nil = false;
  };
  struct Field;
  struct Struct {
    std::vector<Field> fields;
  };
  using Variant =
      std::variant<Nil, NoValue, bool, int64_t, std::string, Digest, GoTime, List, Map, Struct>;

  // Nil.
  GoValue();
  explicit GoValue(Variant value);

  // nullopt where there is none: a nil list or map.
  static GoValue Strings(const std::vector<std::string>& strings);

  template <typename T>
  const T* As() const {
    return std::get_if<T>(&value_);
  }
  // The text of a string of either type; null for another value.
  const std::string* text() const;

  // Whether `if` takes it for true: not zero, not empty.
  bool IsTrue() const;
  // The name of its type in errors.
  absl::string_view TypeName() const;
  // As fmt's %v, which is how a template prints it.
  std::string ToString() const;
  // Compact, and without the escapes of HTML.
  std::string ToJson() const;

 private:
  Variant value_;
};

struct GoValue::Field {
  std::string name;
  // In JSON; left out there where it is empty, if `omit_empty`.
  std::string json_name;
  GoValue value;
  bool omit_empty = false;
};

// Here, where Field is complete.
inline GoValue::GoValue() : value_(Nil()) {}
inline GoValue::GoValue(Variant value) : value_(std::move(value)) {}

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_GO_VALUE_H_
