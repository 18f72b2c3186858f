#include "worker/image/json_value.h"

#include <string>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace holkas {
namespace {

void WriteString(absl::string_view text, std::string& out) {
  constexpr char kHex[] = "0123456789abcdef";
  out.push_back('"');
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned char c = static_cast<unsigned char>(text[i]);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(text[i]);
    } else if (c == '\n') {
      out.append("\\n");
    } else if (c == '\r') {
      out.append("\\r");
    } else if (c == '\t') {
      out.append("\\t");
    } else if (c < 0x20 || c == '<' || c == '>' || c == '&') {
      out.append("\\u00");
      out.push_back(kHex[c >> 4]);
      out.push_back(kHex[c & 0xf]);
    } else if (c == 0xe2 &&
               (text.substr(i, 3) == "\xe2\x80\xa8" || text.substr(i, 3) == "\xe2\x80\xa9")) {
      // The line separators U+2028 and U+2029.
      out.append(text[i + 2] == '\xa8' ? "\\u2028" : "\\u2029");
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  out.push_back('"');
}

// The recursion is as deep as the value, which is at most kMaxJsonDepth for what was parsed.
void WriteValue(const JsonValue& value, std::string& out) {
  if (const bool* boolean = value.boolean()) {
    out.append(*boolean ? "true" : "false");
  } else if (const JsonNumber* number = value.number()) {
    out.append(number->text);
  } else if (const std::string* text = value.string()) {
    WriteString(*text, out);
  } else if (const JsonArray* array = value.array()) {
    out.push_back('[');
    absl::string_view separator;
    for (const JsonValue& item : *array) {
      absl::StrAppend(&out, separator);
      WriteValue(item, out);
      separator = ",";
    }
    out.push_back(']');
  } else if (const JsonObject* object = value.object()) {
    out.push_back('{');
    absl::string_view separator;
    for (const JsonMember& member : *object) {
      absl::StrAppend(&out, separator);
      WriteString(member.key, out);
      out.push_back(':');
      WriteValue(member.value, out);
      separator = ",";
    }
    out.push_back('}');
  } else {
    out.append("null");
  }
}

}  // namespace

// Here, and not in the header, where JsonMember is not complete yet.
JsonValue::JsonValue() = default;
JsonValue::JsonValue(bool value) : value_(value) {}
JsonValue::JsonValue(int64_t value) : value_(JsonNumber{std::to_string(value)}) {}
JsonValue::JsonValue(JsonNumber value) : value_(std::move(value)) {}
JsonValue::JsonValue(std::string value) : value_(std::move(value)) {}
JsonValue::JsonValue(absl::string_view value) : value_(std::string(value)) {}
JsonValue::JsonValue(const char* value) : value_(std::string(value)) {}
JsonValue::JsonValue(JsonArray value) : value_(std::move(value)) {}
JsonValue::JsonValue(JsonObject value) : value_(std::move(value)) {}
JsonValue::JsonValue(const JsonValue&) = default;
JsonValue::JsonValue(JsonValue&&) noexcept = default;
JsonValue& JsonValue::operator=(const JsonValue&) = default;
JsonValue& JsonValue::operator=(JsonValue&&) noexcept = default;
JsonValue::~JsonValue() = default;

bool JsonValue::is_null() const { return std::holds_alternative<std::monostate>(value_); }
const bool* JsonValue::boolean() const { return std::get_if<bool>(&value_); }
const JsonNumber* JsonValue::number() const { return std::get_if<JsonNumber>(&value_); }
const std::string* JsonValue::string() const { return std::get_if<std::string>(&value_); }
const JsonArray* JsonValue::array() const { return std::get_if<JsonArray>(&value_); }
JsonArray* JsonValue::array() { return std::get_if<JsonArray>(&value_); }
const JsonObject* JsonValue::object() const { return std::get_if<JsonObject>(&value_); }
JsonObject* JsonValue::object() { return std::get_if<JsonObject>(&value_); }

const JsonValue* JsonValue::Find(absl::string_view key) const {
  if (const JsonObject* members = object()) {
    for (const JsonMember& member : *members) {
      if (member.key == key) {
        return &member.value;
      }
    }
  }
  return nullptr;
}

JsonValue* JsonValue::Find(absl::string_view key) {
  return const_cast<JsonValue*>(static_cast<const JsonValue*>(this)->Find(key));
}

std::string JsonValue::Write() const {
  std::string out;
  WriteValue(*this, out);
  return out;
}

}  // namespace holkas
