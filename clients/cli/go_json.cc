#include "clients/cli/go_json.h"

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "clients/cli/utf8.h"

namespace holkas {
namespace {

constexpr uint32_t kReplacement = 0xfffd;

void AppendUtf8(std::string& out, uint32_t code_point) {
  if (code_point < 0x80) {
    out += static_cast<char>(code_point);
    return;
  }
  if (code_point < 0x800) {
    out += static_cast<char>(0xc0 | code_point >> 6);
  } else if (code_point < 0x10000) {
    out += static_cast<char>(0xe0 | code_point >> 12);
    out += static_cast<char>(0x80 | (code_point >> 6 & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | code_point >> 18);
    out += static_cast<char>(0x80 | (code_point >> 12 & 0x3f));
    out += static_cast<char>(0x80 | (code_point >> 6 & 0x3f));
  }
  out += static_cast<char>(0x80 | (code_point & 0x3f));
}

void AppendEscaped(std::string& out, uint32_t code_point) {
  switch (code_point) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    case '<':
    case '>':
    case '&':
    case 0x2028:
    case 0x2029:
      absl::StrAppendFormat(&out, "\\u%04x", code_point);
      return;
    default:
      break;
  }
  if (code_point < 0x20) {
    absl::StrAppendFormat(&out, "\\u%04x", code_point);
  } else {
    AppendUtf8(out, code_point);
  }
}

// The four digits of `\uXXXX` that `text` begins with; kReplacement if it does not.
uint32_t TakeHex4(absl::string_view& text) {
  uint32_t value = 0;
  if (text.size() < 4 || !absl::SimpleHexAtoi(text.substr(0, 4), &value)) {
    return kReplacement;
  }
  text.remove_prefix(4);
  return value;
}

// The code point of a `\u` escape whose `\u` is taken already; pairs of surrogates become one.
uint32_t TakeUnicodeEscape(absl::string_view& text) {
  uint32_t high = TakeHex4(text);
  if (high < 0xd800 || high > 0xdfff) {
    return high;
  }
  absl::string_view rest = text;
  if (high > 0xdbff || rest.substr(0, 2) != "\\u") {
    return kReplacement;
  }
  rest.remove_prefix(2);
  uint32_t low = TakeHex4(rest);
  if (low < 0xdc00 || low > 0xdfff) {
    return kReplacement;
  }
  text = rest;
  return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

// The next character of the inside of a JSON string.
uint32_t TakeCharacter(absl::string_view& text) {
  if (text[0] == '\\' && text.size() > 1) {
    char escape = text[1];
    text.remove_prefix(2);
    constexpr absl::string_view kLetters = "bfnrt";
    constexpr absl::string_view kMeanings = "\b\f\n\r\t";
    if (escape == 'u') {
      return TakeUnicodeEscape(text);
    }
    size_t at = kLetters.find(escape);
    return static_cast<unsigned char>(at == absl::string_view::npos ? escape : kMeanings[at]);
  }
  Rune rune = FirstRune(text);
  text.remove_prefix(rune.size);
  return rune.valid ? rune.code_point : kReplacement;
}

// Takes the JSON string that `json` begins with, and appends it with Go's escapes.
void CopyString(absl::string_view& json, std::string& out) {
  json.remove_prefix(1);
  out += '"';
  while (!json.empty() && json[0] != '"') {
    AppendEscaped(out, TakeCharacter(json));
  }
  if (!json.empty()) {
    json.remove_prefix(1);
  }
  out += '"';
}

void AppendNewLine(std::string& out, size_t depth) {
  constexpr size_t kIndent = 4;
  out += '\n';
  out.append(depth * kIndent, ' ');
}

}  // namespace

std::string GoJsonString(absl::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    Rune rune = FirstRune(text);
    AppendEscaped(out, rune.valid ? rune.code_point : kReplacement);
    text.remove_prefix(rune.size);
  }
  out += '"';
  return out;
}

void GoJsonWriter::NewLine() { AppendNewLine(text_, filled_.size()); }

void GoJsonWriter::Separate() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  if (filled_.empty()) {
    return;
  }
  if (filled_.back()) {
    text_ += ',';
  }
  filled_.back() = true;
  NewLine();
}

void GoJsonWriter::Begin(char bracket) {
  Separate();
  text_ += bracket;
  filled_.push_back(false);
}

void GoJsonWriter::End(char bracket) {
  bool filled = filled_.back();
  filled_.pop_back();
  if (filled) {
    NewLine();
  }
  text_ += bracket;
}

void GoJsonWriter::Key(absl::string_view key) {
  Separate();
  absl::StrAppend(&text_, GoJsonString(key), ": ");
  after_key_ = true;
}

void GoJsonWriter::String(absl::string_view value) {
  Separate();
  text_ += GoJsonString(value);
}

void GoJsonWriter::Int(int64_t value) {
  Separate();
  absl::StrAppend(&text_, value);
}

void GoJsonWriter::Null() {
  Separate();
  text_ += "null";
}

void GoJsonWriter::Strings(const std::vector<std::string>& values) {
  BeginArray();
  for (const std::string& value : values) {
    String(value);
  }
  EndArray();
}

void GoJsonWriter::StringMap(const std::map<std::string, std::string>& values) {
  BeginObject();
  for (const auto& [key, value] : values) {
    Key(key);
    String(value);
  }
  EndObject();
}

std::string GoIndent(absl::string_view json) {
  std::string out;
  size_t depth = 0;
  bool empty = false;  // an object or array was just opened
  while (!json.empty()) {
    char c = json[0];
    if (absl::ascii_isspace(c)) {
      json.remove_prefix(1);
      continue;
    }
    bool closes = c == '}' || c == ']';
    if (empty && !closes) {
      AppendNewLine(out, ++depth);
    }
    if (c == '"') {
      CopyString(json, out);
      empty = false;
      continue;
    }
    json.remove_prefix(1);
    if (closes && !empty) {
      depth -= depth > 0 ? 1 : 0;
      AppendNewLine(out, depth);
    }
    out += c;
    if (c == ',') {
      AppendNewLine(out, depth);
    } else if (c == ':') {
      out += ' ';
    }
    empty = c == '{' || c == '[';
  }
  return out;
}

}  // namespace holkas
