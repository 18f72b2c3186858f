#include "proto/wire/printable.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"

namespace holkas {
namespace {

constexpr absl::string_view kCutMark = "...";

unsigned char ByteAt(absl::string_view text, size_t i) {
  return static_cast<unsigned char>(text[i]);
}

// How many bytes of `text` make one character that may be shown; 0 where its first byte must be
// escaped: malformed UTF-8 (RFC 3629), C0 and C1 controls, and what reorders or breaks lines.
size_t ShownBytes(absl::string_view text) {
  unsigned char first = ByteAt(text, 0);
  if (first < 0x80) {
    return first >= 0x20 && first != 0x7f ? 1 : 0;
  }
  size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < size) {
    return 0;
  }
  uint32_t code = first & (0xff >> (size + 1));
  for (size_t i = 1; i < size; ++i) {
    if ((ByteAt(text, i) & 0xc0) != 0x80) {
      return 0;
    }
    code = code << 6 | (ByteAt(text, i) & 0x3f);
  }
  bool overlong = (size == 3 && code < 0x800) || (size == 4 && code < 0x10000);
  bool surrogate = code >= 0xd800 && code <= 0xdfff;
  bool control = code < 0xa0 || (code >= 0x200e && code <= 0x200f) ||
                 (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
  return overlong || surrogate || control || code > 0x10ffff ? 0 : size;
}

}  // namespace

std::string Printable(absl::string_view text, size_t max_bytes) {
  std::string result;
  size_t cut = 0;  // the longest prefix of `result` to which the mark can be added
  while (!text.empty()) {
    size_t size = ShownBytes(text);
    if (size > 0) {
      absl::StrAppend(&result, text.substr(0, size));
    } else if (text[0] == '\n') {
      result += "\\n";
    } else {
      absl::StrAppend(&result, "\\x", absl::Hex(ByteAt(text, 0), absl::kZeroPad2));
    }
    if (result.size() > max_bytes) {
      result.resize(cut);
      absl::StrAppend(&result, kCutMark.substr(0, max_bytes));
      return result;
    }
    if (result.size() + kCutMark.size() <= max_bytes) {
      cut = result.size();
    }
    text.remove_prefix(std::max<size_t>(size, 1));
  }
  return result;
}

}  // namespace holkas
