#include "clients/cli/go_printf.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "clients/cli/go_text.h"
#include "clients/cli/utf8.h"

namespace holkas {
namespace {

// No field is padded to more.
constexpr size_t kMaxWidth = 10'000;

// One `%...` of a format.
struct Verb {
  bool left = false;
  bool zeros = false;
  size_t width = 0;
  char letter = '\0';
};

// Takes what follows the percent sign; the letter is missing at the end of the format.
Verb TakeVerb(absl::string_view& format) {
  Verb verb;
  while (!format.empty() && (format[0] == '-' || format[0] == '0')) {
    (format[0] == '-' ? verb.left : verb.zeros) = true;
    format.remove_prefix(1);
  }
  while (!format.empty() && absl::ascii_isdigit(static_cast<unsigned char>(format[0]))) {
    verb.width = std::min(kMaxWidth, verb.width * 10 + static_cast<size_t>(format[0] - '0'));
    format.remove_prefix(1);
  }
  if (!format.empty()) {
    verb.letter = format[0];
    format.remove_prefix(1);
  }
  return verb;
}

std::string Pad(const std::string& text, const Verb& verb, bool is_number) {
  const size_t count = RuneCount(text);
  if (count >= verb.width) {
    return text;
  }
  const size_t missing = verb.width - count;
  if (verb.left) {
    return text + std::string(missing, ' ');
  }
  if (!verb.zeros) {
    return std::string(missing, ' ') + text;
  }
  const bool has_sign = is_number && text[0] == '-';
  return absl::StrCat(has_sign ? "-" : "", std::string(missing, '0'),
                      text.substr(has_sign ? 1 : 0));
}

// What Go writes of a value that the verb is not for.
std::string Mismatch(char letter, const GoValue& value) {
  if (value.As<GoValue::Nil>() != nullptr || value.As<GoValue::NoValue>() != nullptr) {
    return absl::StrCat("%!", std::string(1, letter), "(<nil>)");
  }
  return absl::StrCat("%!", std::string(1, letter), "(", value.TypeName(), "=", value.ToString(),
                      ")");
}

std::string FormatValue(const Verb& verb, const GoValue& value);

std::string FormatList(const Verb& verb, const GoValue::List& list) {
  std::string text = "[";
  for (const GoValue& item : list.items) {
    absl::StrAppend(&text, text.size() > 1 ? " " : "", FormatValue(verb, item));
  }
  return text + "]";
}

std::string FormatText(const Verb& verb, const std::string& text, const GoValue& value) {
  switch (verb.letter) {
    case 's':
      return Pad(text, verb, false);
    case 'q':
      return Pad(GoQuote(text), verb, false);
    case 'x':
      return Pad(absl::BytesToHexString(text), verb, false);
    case 'X':
      return Pad(absl::AsciiStrToUpper(absl::BytesToHexString(text)), verb, false);
    default:
      return Mismatch(verb.letter, value);
  }
}

std::string FormatInt(const Verb& verb, int64_t number, const GoValue& value) {
  const char* const sign = number < 0 ? "-" : "";
  const uint64_t magnitude =
      number < 0 ? ~static_cast<uint64_t>(number) + 1 : static_cast<uint64_t>(number);
  switch (verb.letter) {
    case 'd':
      return Pad(absl::StrCat(number), verb, true);
    case 'x':
      return Pad(absl::StrFormat("%s%x", sign, magnitude), verb, true);
    case 'X':
      return Pad(absl::StrFormat("%s%X", sign, magnitude), verb, true);
    default:
      return Mismatch(verb.letter, value);
  }
}

std::string FormatValue(const Verb& verb, const GoValue& value) {
  if (verb.letter == 'v') {
    return Pad(value.ToString(), verb, value.As<int64_t>() != nullptr);
  }
  if (const GoValue::List* list = value.As<GoValue::List>()) {
    return FormatList(verb, *list);
  }
  if (const std::string* text = value.text()) {
    return FormatText(verb, *text, value);
  }
  if (value.As<GoTime>() != nullptr) {
    return FormatText(verb, value.ToString(), value);
  }
  if (const int64_t* number = value.As<int64_t>()) {
    return FormatInt(verb, *number, value);
  }
  if (value.As<bool>() != nullptr && verb.letter == 't') {
    return Pad(value.ToString(), verb, false);
  }
  return Mismatch(verb.letter, value);
}

}  // namespace

std::string GoSprintf(absl::string_view format, absl::Span<const GoValue> arguments) {
  std::string text;
  size_t used = 0;
  while (!format.empty()) {
    const size_t size = std::min(format.find('%'), format.size());
    absl::StrAppend(&text, format.substr(0, size));
    format.remove_prefix(size);
    if (format.empty()) {
      break;
    }
    format.remove_prefix(1);
    const Verb verb = TakeVerb(format);
    if (verb.letter == '\0') {
      text += "%!(NOVERB)";
    } else if (verb.letter == '%') {
      text += "%";
    } else if (used == arguments.size()) {
      absl::StrAppend(&text, "%!", std::string(1, verb.letter), "(MISSING)");
    } else {
      text += FormatValue(verb, arguments[used++]);
    }
  }
  if (used < arguments.size()) {
    std::string extra;
    for (const GoValue& value : arguments.subspan(used)) {
      absl::StrAppend(&extra, extra.empty() ? "" : ", ", value.TypeName(), "=", value.ToString());
    }
    absl::StrAppend(&text, "%!(EXTRA ", extra, ")");
  }
  return text;
}

std::string GoSprint(absl::Span<const GoValue> arguments) {
  std::string text;
  bool was_string = true;
  for (const GoValue& value : arguments) {
    const bool is_string = value.text() != nullptr;
    absl::StrAppend(&text, is_string || was_string ? "" : " ", value.ToString());
    was_string = is_string;
  }
  return text;
}

std::string GoSprintln(absl::Span<const GoValue> arguments) {
  std::string text;
  for (size_t i = 0; i < arguments.size(); ++i) {
    absl::StrAppend(&text, i == 0 ? "" : " ", arguments[i].ToString());
  }
  return text + "\n";
}

}  // namespace holkas
