#include "clients/cli/utf8.h"

namespace holkas {
namespace {

struct Range {
  uint32_t first;
  uint32_t last;
};

// Controls, spaces other than ' ', invisible formatting, surrogates, private use, non-characters.
constexpr Range kNotPrintable[] = {
    {0x00, 0x1f},     {0x7f, 0xa0},     {0xad, 0xad},     {0x1680, 0x1680},    {0x180e, 0x180e},
    {0x2000, 0x200f}, {0x2028, 0x202f}, {0x205f, 0x206f}, {0x3000, 0x3000},    {0xd800, 0xf8ff},
    {0xfeff, 0xfeff}, {0xfff0, 0xfffb}, {0xfffe, 0xffff}, {0xe0000, 0x10ffff},
};

bool IsContinuation(unsigned char byte) { return (byte & 0xc0) == 0x80; }

}  // namespace

Rune FirstRune(absl::string_view text) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned char lead = byte(0);
  if (lead < 0x80) {
    return {lead, 1, true};
  }
  size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < size) {
    return {lead, 1, false};
  }
  uint32_t code_point = lead & (0xff >> (size + 1));
  for (size_t i = 1; i < size; ++i) {
    if (!IsContinuation(byte(i))) {
      return {lead, 1, false};
    }
    code_point = code_point << 6 | (byte(i) & 0x3f);
  }
  constexpr uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  bool surrogate = code_point >= 0xd800 && code_point <= 0xdfff;
  if (code_point < kSmallest[size] || code_point > 0x10ffff || surrogate) {
    return {lead, 1, false};
  }
  return {code_point, size, true};
}

size_t RuneCount(absl::string_view text) {
  size_t count = 0;
  for (; !text.empty(); ++count) {
    text.remove_prefix(FirstRune(text).size);
  }
  return count;
}

bool IsPrintable(uint32_t code_point) {
  for (const Range& range : kNotPrintable) {
    if (code_point >= range.first && code_point <= range.last) {
      return false;
    }
  }
  return code_point <= 0x10ffff;
}

}  // namespace holkas
