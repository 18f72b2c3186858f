#include "worker/transports/docker_archive/raw_json.h"

#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "proto/wire/status_macros.h"
#include "worker/image/json_value.h"
#include "worker/image/strict_json.h"

namespace holkas {
namespace {

constexpr absl::string_view kBlanks = " \t\r\n";
constexpr absl::string_view kLineSeparator = "\xe2\x80\xa8";
constexpr absl::string_view kParagraphSeparator = "\xe2\x80\xa9";

// The length of the string literal, with its quotes, at the beginning of `text`.
size_t LiteralLength(absl::string_view text) {
  size_t i = 1;
  for (; text[i] != '"'; ++i) {
    if (text[i] == '\\') {
      ++i;
    }
  }
  return i + 1;
}

// Appends a string literal with what HTML knows escaped.
void AppendLiteral(absl::string_view literal, std::string& to) {
  while (!literal.empty()) {
    const char c = literal[0];
    if (c == '<' || c == '>' || c == '&') {
      absl::StrAppendFormat(&to, "\\u%04x", c);
    } else if (absl::StartsWith(literal, kLineSeparator) ||
               absl::StartsWith(literal, kParagraphSeparator)) {
      to += absl::StartsWith(literal, kLineSeparator) ? "\\u2028" : "\\u2029";
      literal.remove_prefix(kLineSeparator.size());
      continue;
    } else {
      to += c;
    }
    literal.remove_prefix(1);
  }
}

// Valid JSON without blanks between its parts.
std::string Compact(absl::string_view text) {
  std::string compact;
  while (!text.empty()) {
    if (text[0] == '"') {
      const size_t length = LiteralLength(text);
      AppendLiteral(text.substr(0, length), compact);
      text.remove_prefix(length);
      continue;
    }
    if (!absl::StrContains(kBlanks, text[0])) {
      compact += text[0];
    }
    text.remove_prefix(1);
  }
  return compact;
}

// The length of the value at the beginning of compact JSON.
size_t ValueLength(absl::string_view text) {
  int depth = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') {
      i += LiteralLength(text.substr(i)) - 1;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']' || c == ',') {
      if (depth == 0) {
        return i;
      }
      depth -= c == ',' ? 0 : 1;
    }
  }
  return text.size();
}

}  // namespace

absl::StatusOr<std::map<std::string, std::string>> RawMembers(absl::string_view text) {
  // From here on it is known to be valid, and no member is there twice.
  ASSIGN_OR_RETURN(const JsonValue parsed, ParseStrictJson(text));
  if (parsed.object() == nullptr) {
    return absl::InvalidArgumentError("it is no object");
  }
  const std::string compact = Compact(text);
  std::map<std::string, std::string> members;
  absl::string_view rest = absl::string_view(compact).substr(1);
  for (const JsonMember& member : *parsed.object()) {
    rest.remove_prefix(LiteralLength(rest) + 1);  // the key and its colon
    const size_t length = ValueLength(rest);
    members[member.key] = std::string(rest.substr(0, length));
    rest.remove_prefix(length + 1);  // the comma, or the brace at the end
  }
  return members;
}

}  // namespace holkas
