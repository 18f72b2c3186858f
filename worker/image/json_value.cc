#include "worker/image/json_value.h"

#include <string>

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
