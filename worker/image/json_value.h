#ifndef HOLKAS_WORKER_IMAGE_JSON_VALUE_H_
#define HOLKAS_WORKER_IMAGE_JSON_VALUE_H_

#include <cstdint>
#include <string>
#include <utility>
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
  JsonValue() = default;  // null
  explicit JsonValue(bool value) : value_(value) {}
  explicit JsonValue(int64_t value) : value_(JsonNumber{std::to_string(value)}) {}
  explicit JsonValue(JsonNumber value) : value_(std::move(value)) {}
  explicit JsonValue(std::string value) : value_(std::move(value)) {}
  explicit JsonValue(absl::string_view value) : value_(std::string(value)) {}
  explicit JsonValue(const char* value) : value_(std::string(value)) {}
  explicit JsonValue(JsonArray value) : value_(std::move(value)) {}
  explicit JsonValue(JsonObject value) : value_(std::move(value)) {}

  bool is_null() const { return std::holds_alternative<std::monostate>(value_); }

  // The value, where it is of the kind; else null.
  const bool* boolean() const { return std::get_if<bool>(&value_); }
  const JsonNumber* number() const { return std::get_if<JsonNumber>(&value_); }
  const std::string* string() const { return std::get_if<std::string>(&value_); }
  const JsonArray* array() const { return std::get_if<JsonArray>(&value_); }
  JsonArray* array() { return std::get_if<JsonArray>(&value_); }
  const JsonObject* object() const { return std::get_if<JsonObject>(&value_); }
  JsonObject* object() { return std::get_if<JsonObject>(&value_); }

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
