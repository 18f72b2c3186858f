#include "service/telemetry/logger.h"

#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "service/telemetry/utf8.h"

namespace holkas {
namespace {

// What one value may add to a line.
constexpr size_t kMaxValueBytes = 8 << 10;

absl::string_view LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
    case LogLevel::kOff:
      return "error";
  }
  return "error";
}

void AppendQuoted(std::string& line, absl::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  line.push_back('"');
  for (char c : ToValidUtf8(text.substr(0, kMaxValueBytes))) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      line.push_back('\\');
      line.push_back(c);
    } else if (c == '\n') {
      line.append("\\n");
    } else if (byte < 0x20 || byte == 0x7f) {
      line.append("\\u00");
      line.push_back(kHex[byte >> 4]);
      line.push_back(kHex[byte & 15]);
    } else {
      line.push_back(c);
    }
  }
  line.push_back('"');
}

void AppendValue(std::string& line, const LogField& field) {
  if (const auto* text = std::get_if<std::string>(&field.value)) {
    AppendQuoted(line, *text);
  } else if (const auto* number = std::get_if<int64_t>(&field.value)) {
    absl::StrAppend(&line, *number);
  } else {
    line.append(std::get<bool>(field.value) ? "true" : "false");
  }
}

}  // namespace

std::string FormatLogLine(LogFormat format, absl::Time time, LogLevel level,
                          absl::string_view message, std::initializer_list<LogField> fields) {
  const std::string when =
      absl::FormatTime("%Y-%m-%d%ET%H:%M:%E3S", time, absl::UTCTimeZone()) + "Z";
  std::string line;
  if (format == LogFormat::kText) {
    absl::StrAppend(&line, when, " ", LevelName(level), " ");
    AppendQuoted(line, message);
    for (const LogField& field : fields) {
      absl::StrAppend(&line, " ", field.key, "=");
      AppendValue(line, field);
    }
  } else {
    absl::StrAppend(&line, "{\"time\":\"", when, "\",\"level\":\"", LevelName(level),
                    "\",\"message\":");
    AppendQuoted(line, message);
    for (const LogField& field : fields) {
      line.push_back(',');
      AppendQuoted(line, field.key);
      line.push_back(':');
      AppendValue(line, field);
    }
    line.push_back('}');
  }
  line.push_back('\n');
  return line;
}

void Logger::Log(LogLevel level, absl::string_view message,
                 std::initializer_list<LogField> fields) {
  if (!enabled(level)) {
    return;
  }
  const std::string line = FormatLogLine(format_, absl::Now(), level, message, fields);
  absl::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t written = write(fd_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written <= 0) {
      return;
    }
    rest.remove_prefix(static_cast<size_t>(written));
  }
}

}  // namespace holkas
