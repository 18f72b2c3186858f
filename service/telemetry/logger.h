#ifndef HOLKAS_SERVICE_TELEMETRY_LOGGER_H_
#define HOLKAS_SERVICE_TELEMETRY_LOGGER_H_

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <variant>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace holkas {

enum class LogLevel { kDebug, kInfo, kWarning, kError, kOff };
enum class LogFormat { kJson, kText };

// One `key: value` of a log line. Never give it a credential.
struct LogField {
  LogField(absl::string_view k, absl::string_view v) : key(k), value(std::string(v)) {}
  LogField(absl::string_view k, const char* v) : key(k), value(std::string(v)) {}
  LogField(absl::string_view k, const std::string& v) : key(k), value(v) {}
  LogField(absl::string_view k, bool v) : key(k), value(v) {}
  LogField(absl::string_view k, std::integral auto v) : key(k), value(static_cast<int64_t>(v)) {}

  std::string key;
  std::variant<std::string, int64_t, bool> value;
};

// The text of one line, with its newline. Values are escaped, so that nothing a caller, a worker or
// a registry says can begin another line; bytes that are not UTF-8 become U+FFFD.
std::string FormatLogLine(LogFormat format, absl::Time time, LogLevel level,
                          absl::string_view message, std::initializer_list<LogField> fields);

// Writes lines to a file descriptor, each with one write. Thread-safe. What cannot be written is
// lost: logging never blocks or fails a request for longer than the descriptor blocks.
class Logger {
 public:
  // `fd` stays open as long as the logger is used; it is not owned.
  Logger(LogLevel least, LogFormat format, int fd) : least_(least), format_(format), fd_(fd) {}
  Logger(const Logger&) = delete;
  Logger& operator=(const Logger&) = delete;

  bool enabled(LogLevel level) const { return level >= least_ && level != LogLevel::kOff; }

  void Log(LogLevel level, absl::string_view message, std::initializer_list<LogField> fields = {});

 private:
  const LogLevel least_;
  const LogFormat format_;
  const int fd_;
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_TELEMETRY_LOGGER_H_
