#ifndef HOLKAS_CLIENTS_CLI_UTF8_H_
#define HOLKAS_CLIENTS_CLI_UTF8_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace holkas {

// One step of a walk through text that may not be UTF-8 (RFC 3629).
struct Rune {
  uint32_t code_point = 0;
  // How many bytes it takes; 1 for a byte that is no UTF-8.
  size_t size = 1;
  bool valid = false;
};

// The first rune of `text`, which is not empty.
Rune FirstRune(absl::string_view text);

// How many runes `text` has.
size_t RuneCount(absl::string_view text);

// Whether a terminal shows it as a glyph or a plain space: letters, marks, numbers, punctuation and
// symbols. Coarser than Go's unicode.IsPrint beyond the planes in everyday use.
bool IsPrintable(uint32_t code_point);

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_UTF8_H_
