#include "clients/cli/go_text.h"

#include <cstdlib>
#include <cstring>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "clients/cli/utf8.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

void AppendQuoted(std::string& out, const Rune& rune, absl::string_view bytes) {
  constexpr absl::string_view kEscaped = "\a\b\f\n\r\t\v\\\"";
  constexpr absl::string_view kLetters = "abfnrtv\\\"";
  if (!rune.valid) {
    absl::StrAppendFormat(&out, "\\x%02x", static_cast<unsigned char>(bytes[0]));
    return;
  }
  if (rune.code_point < 0x80) {
    size_t at = kEscaped.find(static_cast<char>(rune.code_point));
    if (at != absl::string_view::npos) {
      absl::StrAppend(&out, "\\", kLetters.substr(at, 1));
      return;
    }
  }
  if (IsPrintable(rune.code_point)) {
    absl::StrAppend(&out, bytes);
  } else if (rune.code_point < 0x20 || rune.code_point == 0x7f) {
    absl::StrAppendFormat(&out, "\\x%02x", rune.code_point);
  } else if (rune.code_point < 0x10000) {
    absl::StrAppendFormat(&out, "\\u%04x", rune.code_point);
  } else {
    absl::StrAppendFormat(&out, "\\U%08x", rune.code_point);
  }
}

absl::Status NumberError(absl::string_view function, absl::string_view text,
                         absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("strconv.", function, ": parsing ", GoQuote(text), ": ", why));
}

// Takes a literal's prefix off `digits` and returns its base.
int TakeBase(absl::string_view& digits) {
  auto take = [&digits](absl::string_view lower, absl::string_view upper) {
    return digits.size() > 2 &&
           (absl::ConsumePrefix(&digits, lower) || absl::ConsumePrefix(&digits, upper));
  };
  if (take("0x", "0X")) {
    return 16;
  }
  if (take("0b", "0B")) {
    return 2;
  }
  if (take("0o", "0O")) {
    return 8;
  }
  return digits.size() > 1 && absl::ConsumePrefix(&digits, "0") ? 8 : 10;
}

int DigitValue(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  if (c >= 'a' && c <= 'z') {
    return c - 'a' + 10;
  }
  return c >= 'A' && c <= 'Z' ? c - 'A' + 10 : 99;
}

// The magnitude of an integer; `text` and `function` are for the error.
absl::StatusOr<uint64_t> ParseMagnitude(absl::string_view digits, absl::string_view text,
                                        absl::string_view function) {
  if (digits.empty()) {
    return NumberError(function, text, "invalid syntax");
  }
  bool plain = digits[0] != '0';
  uint64_t base = static_cast<uint64_t>(TakeBase(digits));
  uint64_t value = 0;
  bool overflow = false;
  for (char c : digits) {
    if (c == '_' && !plain) {
      continue;
    }
    uint64_t digit = static_cast<uint64_t>(DigitValue(c));
    if (digit >= base) {
      return NumberError(function, text, "invalid syntax");
    }
    overflow = overflow || value > (std::numeric_limits<uint64_t>::max() - digit) / base;
    value = value * base + digit;
  }
  if (overflow) {
    return NumberError(function, text, "value out of range");
  }
  return value;
}

absl::Status DurationError(absl::string_view what, absl::string_view text) {
  return absl::InvalidArgumentError(absl::StrCat("time: ", what, " duration ", GoQuote(text)));
}

struct Unit {
  absl::string_view name;
  absl::Duration length;
};

// The unit named `name`; null if there is none.
const Unit* FindUnit(absl::string_view name) {
  static const Unit kUnits[] = {
      {"ns", absl::Nanoseconds(1)},  {"us", absl::Microseconds(1)}, {"µs", absl::Microseconds(1)},
      {"μs", absl::Microseconds(1)}, {"ms", absl::Milliseconds(1)}, {"s", absl::Seconds(1)},
      {"m", absl::Minutes(1)},       {"h", absl::Hours(1)},
  };
  for (const Unit& unit : kUnits) {
    if (unit.name == name) {
      return &unit;
    }
  }
  return nullptr;
}

bool IsDecimal(char c) { return (c >= '0' && c <= '9') || c == '.'; }

// Takes `number unit` off the front of `rest`.
absl::StatusOr<absl::Duration> TakeTerm(absl::string_view& rest, absl::string_view text) {
  size_t end = 0;
  while (end < rest.size() && IsDecimal(rest[end])) {
    ++end;
  }
  std::string number(rest.substr(0, end));
  rest.remove_prefix(end);
  size_t point = number.find('.');
  if (number.empty() || number == "." ||
      (point != std::string::npos && number.find('.', point + 1) != std::string::npos)) {
    return DurationError("invalid", text);
  }
  end = 0;
  while (end < rest.size() && !IsDecimal(rest[end])) {
    ++end;
  }
  if (end == 0) {
    return DurationError("missing unit in", text);
  }
  absl::string_view name = rest.substr(0, end);
  const Unit* unit = FindUnit(name);
  if (unit == nullptr) {
    return DurationError(absl::StrCat("unknown unit ", GoQuote(name), " in"), text);
  }
  rest.remove_prefix(end);
  return std::strtod(number.c_str(), nullptr) * unit->length;
}

}  // namespace

std::string GoQuote(absl::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    Rune rune = FirstRune(text);
    AppendQuoted(out, rune, text.substr(0, rune.size));
    text.remove_prefix(rune.size);
  }
  out += '"';
  return out;
}

std::string GoErrno(int error_number) {
  // Go's texts are those of the C library but for the capital.
  std::string text = std::strerror(error_number);
  text[0] = absl::ascii_tolower(text[0]);
  return text;
}

absl::StatusOr<bool> ParseGoBool(absl::string_view text) {
  for (absl::string_view yes : {"1", "t", "T", "TRUE", "true", "True"}) {
    if (text == yes) {
      return true;
    }
  }
  for (absl::string_view no : {"0", "f", "F", "FALSE", "false", "False"}) {
    if (text == no) {
      return false;
    }
  }
  return NumberError("ParseBool", text, "invalid syntax");
}

absl::StatusOr<int64_t> ParseGoInt(absl::string_view text) {
  absl::string_view digits = text;
  bool negative = absl::ConsumePrefix(&digits, "-");
  if (!negative) {
    absl::ConsumePrefix(&digits, "+");
  }
  ASSIGN_OR_RETURN(uint64_t magnitude, ParseMagnitude(digits, text, "ParseInt"));
  uint64_t limit = uint64_t{1} << 63;
  if (magnitude > (negative ? limit : limit - 1)) {
    return NumberError("ParseInt", text, "value out of range");
  }
  return static_cast<int64_t>(negative ? ~magnitude + 1 : magnitude);
}

absl::StatusOr<uint64_t> ParseGoUint(absl::string_view text) {
  return ParseMagnitude(text, text, "ParseUint");
}

absl::StatusOr<absl::Duration> ParseGoDuration(absl::string_view text) {
  // Go's durations are 64-bit counts of nanoseconds.
  const absl::Duration kLongest = absl::Nanoseconds(std::numeric_limits<int64_t>::max());
  absl::string_view rest = text;
  bool negative = absl::ConsumePrefix(&rest, "-");
  if (!negative) {
    absl::ConsumePrefix(&rest, "+");
  }
  if (rest == "0") {
    return absl::ZeroDuration();
  }
  if (rest.empty()) {
    return DurationError("invalid", text);
  }
  absl::Duration sum = absl::ZeroDuration();
  while (!rest.empty()) {
    ASSIGN_OR_RETURN(absl::Duration term, TakeTerm(rest, text));
    sum += term;
    if (sum > kLongest) {
      return DurationError("invalid", text);
    }
  }
  return negative ? -sum : sum;
}

}  // namespace holkas
