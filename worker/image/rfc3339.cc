#include "worker/image/rfc3339.h"

#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/civil_time.h"

namespace holkas {
namespace {

constexpr size_t kMaxShownBytes = 64;
constexpr size_t kMaxFractionDigits = 9;

// `YYYY-MM-DDTHH:MM:SS`, where 0 stands for a digit.
constexpr absl::string_view kDateTimeForm = "0000-00-00T00:00:00";
// `+HH:MM` after its sign.
constexpr absl::string_view kOffsetForm = "00:00";

absl::Status Invalid(absl::string_view text) {
  return absl::InvalidArgumentError(absl::StrCat(
      "time \"", absl::CHexEscape(text.substr(0, kMaxShownBytes)), "\" is not of RFC 3339"));
}

bool HasForm(absl::string_view text, absl::string_view form) {
  if (text.size() < form.size()) {
    return false;
  }
  for (size_t i = 0; i < form.size(); ++i) {
    if (form[i] == '0' ? !absl::ascii_isdigit(text[i]) : text[i] != form[i]) {
      return false;
    }
  }
  return true;
}

// The number of `size` digits at `start`, which are digits.
int Number(absl::string_view text, size_t start, size_t size) {
  int number = 0;
  for (char digit : text.substr(start, size)) {
    number = 10 * number + (digit - '0');
  }
  return number;
}

// Takes the fraction from the front of `rest`; nanoseconds, or -1 where it is malformed.
int64_t ConsumeFraction(absl::string_view& rest) {
  if (!absl::ConsumePrefix(&rest, ".")) {
    return 0;
  }
  size_t digits = 0;
  int64_t nanoseconds = 0;
  while (digits < rest.size() && absl::ascii_isdigit(rest[digits])) {
    if (digits < kMaxFractionDigits) {
      nanoseconds = 10 * nanoseconds + (rest[digits] - '0');
    }
    ++digits;
  }
  for (size_t i = digits; i < kMaxFractionDigits; ++i) {
    nanoseconds *= 10;
  }
  rest.remove_prefix(digits);
  return digits == 0 ? -1 : nanoseconds;
}

std::string FractionText(int64_t nanoseconds) {
  if (nanoseconds == 0) {
    return "";
  }
  std::string digits = absl::StrCat(nanoseconds);
  std::string text =
      absl::StrCat(".", std::string(kMaxFractionDigits - digits.size(), '0'), digits);
  text.resize(text.find_last_not_of('0') + 1);
  return text;
}

}  // namespace

absl::StatusOr<Rfc3339Time> ParseRfc3339(absl::string_view text) {
  if (!HasForm(text, kDateTimeForm)) {
    return Invalid(text);
  }
  int year = Number(text, 0, 4);
  int month = Number(text, 5, 2);
  int day = Number(text, 8, 2);
  int hour = Number(text, 11, 2);
  int minute = Number(text, 14, 2);
  int second = Number(text, 17, 2);
  absl::CivilSecond civil(year, month, day, hour, minute, second);
  // CivilSecond carries what is too large into the next field.
  if (civil.month() != month || civil.day() != day || civil.hour() != hour ||
      civil.minute() != minute || civil.second() != second) {
    return Invalid(text);
  }
  absl::string_view rest = text.substr(kDateTimeForm.size());
  int64_t nanoseconds = ConsumeFraction(rest);
  if (nanoseconds < 0) {
    return Invalid(text);
  }
  std::string offset_text = "Z";
  absl::Duration offset;
  if (rest != "Z") {
    char sign = rest.empty() ? '\0' : rest[0];
    if ((sign != '+' && sign != '-') || rest.size() != 1 + kOffsetForm.size() ||
        !HasForm(rest.substr(1), kOffsetForm) || Number(rest, 1, 2) > 23 ||
        Number(rest, 4, 2) > 59) {
      return Invalid(text);
    }
    offset = absl::Hours(Number(rest, 1, 2)) + absl::Minutes(Number(rest, 4, 2));
    if (offset != absl::ZeroDuration()) {
      offset_text = std::string(rest);
    }
    offset = sign == '-' ? -offset : offset;
  }
  return Rfc3339Time{
      absl::StrCat(text.substr(0, kDateTimeForm.size()), FractionText(nanoseconds), offset_text),
      absl::FromCivil(civil, absl::UTCTimeZone()) + absl::Nanoseconds(nanoseconds) - offset};
}

}  // namespace holkas
