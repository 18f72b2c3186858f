#ifndef HOLKAS_TESTS_FUZZ_TAR_TEXT_H_
#define HOLKAS_TESTS_FUZZ_TAR_TEXT_H_

#include <string>

#include "absl/strings/string_view.h"

namespace holkas {

// A tar of which each line of `text` is an entry with a right checksum:
// `type|name|link|size in octal|content`, where `~` stands for a NUL byte. It has no end.
std::string TarOf(absl::string_view text);

}  // namespace holkas

#endif  // HOLKAS_TESTS_FUZZ_TAR_TEXT_H_
