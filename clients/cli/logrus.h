#ifndef HOLKAS_CLIENTS_CLI_LOGRUS_H_
#define HOLKAS_CLIENTS_CLI_LOGRUS_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace holkas {

// Diagnostics in the form of Go's logrus, which is what Skopeo writes to standard error and what
// people's scripts match, the escapes included.

enum class LogLevel { kDebug, kInfo, kWarning, kError, kFatal };

// The line for a file or pipe: `time="2026-11-23T06:26:10Z" level=fatal msg="what went wrong"`,
// with its newline. A message of harmless characters alone has no quotes.
std::string LogrusPlainLine(LogLevel level, absl::string_view message, absl::Time now,
                            absl::TimeZone zone);

// The line for a terminal: `FATA[0003] what went wrong` with a coloured level, padded as logrus
// does. `elapsed` is the time since the program started.
std::string LogrusTerminalLine(LogLevel level, absl::string_view message, absl::Duration elapsed);

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_LOGRUS_H_
