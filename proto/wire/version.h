#ifndef HOLKAS_PROTO_WIRE_VERSION_H_
#define HOLKAS_PROTO_WIRE_VERSION_H_

#include "absl/strings/string_view.h"

namespace holkas {

// The version of all programs (Semantic Versioning 2.0.0), as CHANGELOG.md has it.
inline constexpr absl::string_view kVersion = "0.1.0";

}  // namespace holkas

#endif  // HOLKAS_PROTO_WIRE_VERSION_H_
