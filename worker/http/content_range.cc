#include "worker/http/content_range.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"

namespace holkas {
namespace {

// More digits than any size has, fewer than overflow.
constexpr size_t kMaxDigits = 18;

// Takes digits from the front of `text`; -1 where there are none or too many.
int64_t TakeNumber(absl::string_view& text) {
  int64_t number = 0;
  size_t digits = 0;
  while (!text.empty() && absl::ascii_isdigit(static_cast<unsigned char>(text.front()))) {
    if (++digits > kMaxDigits) {
      return -1;
    }
    number = number * 10 + (text.front() - '0');
    text.remove_prefix(1);
  }
  return digits == 0 ? -1 : number;
}

}  // namespace

std::optional<ContentRange> ParseContentRange(absl::string_view value) {
  if (value.size() < 6 || !absl::EqualsIgnoreCase(value.substr(0, 6), "bytes ")) {
    return std::nullopt;
  }
  value.remove_prefix(6);
  ContentRange range;
  range.first = TakeNumber(value);
  if (range.first < 0 || !absl::ConsumePrefix(&value, "-")) {
    return std::nullopt;
  }
  range.last = TakeNumber(value);
  if (range.last < range.first || !absl::ConsumePrefix(&value, "/")) {
    return std::nullopt;
  }
  if (value == "*") {
    return range;
  }
  range.total = TakeNumber(value);
  if (range.total <= range.last || !value.empty()) {
    return std::nullopt;
  }
  return range;
}

}  // namespace holkas
