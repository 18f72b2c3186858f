#ifndef HOLKAS_PROTO_WIRE_PRINTABLE_H_
#define HOLKAS_PROTO_WIRE_PRINTABLE_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace holkas {

// Makes foreign text fit for messages and logs: valid UTF-8 without control characters (those and
// malformed bytes are written as `\xNN`; a line break as `\n`), at most `max_bytes` long, of which
// `...` are the last where it was cut. Text that is fit already comes back as it is.
std::string Printable(absl::string_view text, size_t max_bytes);

}  // namespace holkas

#endif  // HOLKAS_PROTO_WIRE_PRINTABLE_H_
