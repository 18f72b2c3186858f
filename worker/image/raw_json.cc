#include "worker/image/raw_json.h"

#include <cstddef>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/status_macros.h"
#include "worker/image/json_value.h"
#include "worker/image/strict_json.h"

namespace holkas {
namespace {

// Where the string that begins at `start` ends, behind its quote. The text is valid JSON.
size_t EndOfString(absl::string_view text, size_t start) {
  size_t at = start + 1;
  while (text[at] != '"') {
    at += text[at] == '\\' ? 2 : 1;
  }
  return at + 1;
}

// Where the value that begins at `start` ends: at the comma or bracket of what it is in. The text
// is valid JSON.
size_t EndOfValue(absl::string_view text, size_t start) {
  int depth = 0;
  size_t at = start;
  while (true) {
    const char c = text[at];
    if (c == '"') {
      at = EndOfString(text, at);
      continue;
    }
    if (depth == 0 && (c == ',' || c == '}' || c == ']')) {
      return at;
    }
    depth += c == '{' || c == '[' ? 1 : 0;
    depth -= c == '}' || c == ']' ? 1 : 0;
    ++at;
  }
}

void CompactTo(std::string& out, absl::string_view text) {
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const absl::string_view three = text.substr(i, 3);
    if (!in_string && absl::ascii_isspace(c)) {
      continue;
    }
    if (c == '<' || c == '>' || c == '&') {
      absl::StrAppend(&out, "\\u00", absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad2));
      continue;
    }
    if (three == "\xe2\x80\xa8" || three == "\xe2\x80\xa9") {
      absl::StrAppend(&out, three.back() == '\xa8' ? "\\u2028" : "\\u2029");
      i += 2;
      continue;
    }
    out.push_back(c);
    if (in_string && c == '\\') {
      out.push_back(text[++i]);
    } else if (c == '"') {
      in_string = !in_string;
    }
  }
}

}  // namespace

absl::StatusOr<RawJsonObject> ParseRawJsonObject(absl::string_view text) {
  ASSIGN_OR_RETURN(const JsonValue root, ParseStrictJson(text));
  if (root.object() == nullptr) {
    return absl::InvalidArgumentError("JSON that is no object");
  }
  RawJsonObject object;
  size_t at = text.find('{') + 1;
  for (const JsonMember& member : *root.object()) {
    at = EndOfString(text, text.find('"', at));
    at = text.find(':', at) + 1;
    const size_t end = EndOfValue(text, at);
    object[member.key] = std::string(absl::StripAsciiWhitespace(text.substr(at, end - at)));
    at = end + 1;
  }
  return object;
}

std::string WriteRawJsonObject(const RawJsonObject& object) {
  std::string out = "{";
  for (const auto& [key, value] : object) {
    if (out.size() > 1) {
      out.push_back(',');
    }
    absl::StrAppend(&out, JsonValue(key).Write(), ":");
    CompactTo(out, value);
  }
  out.push_back('}');
  return out;
}

}  // namespace holkas
