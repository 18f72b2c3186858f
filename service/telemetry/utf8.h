#ifndef HOLKAS_SERVICE_TELEMETRY_UTF8_H_
#define HOLKAS_SERVICE_TELEMETRY_UTF8_H_

#include <string>

#include "absl/strings/string_view.h"

namespace holkas {

// `text` with U+FFFD in place of every byte that is not part of well-formed UTF-8 (RFC 3629). For
// text that leaves holkasd, in log lines and in error details: what a system call or a registry
// named may hold any bytes.
std::string ToValidUtf8(absl::string_view text);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_TELEMETRY_UTF8_H_
