#include "clients/cli/logrus.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "clients/cli/go_text.h"

namespace holkas {
namespace {

struct LevelName {
  absl::string_view plain;
  absl::string_view terminal;
  int colour;
};

LevelName NameOf(LogLevel level) {
  constexpr int kRed = 31;
  constexpr int kYellow = 33;
  constexpr int kBlue = 36;
  constexpr int kGray = 37;
  switch (level) {
    case LogLevel::kDebug:
      return {"debug", "DEBU", kGray};
    case LogLevel::kInfo:
      return {"info", "INFO", kBlue};
    case LogLevel::kWarning:
      return {"warning", "WARN", kYellow};
    case LogLevel::kError:
      return {"error", "ERRO", kRed};
    case LogLevel::kFatal:
      return {"fatal", "FATA", kRed};
  }
  return {"fatal", "FATA", kRed};
}

bool NeedsQuotes(absl::string_view text) {
  constexpr absl::string_view kHarmless = "-._/@^+";
  return std::any_of(text.begin(), text.end(), [&](char c) {
    return !absl::ascii_isalnum(c) && kHarmless.find(c) == absl::string_view::npos;
  });
}

std::string Value(absl::string_view text) {
  return NeedsQuotes(text) ? GoQuote(text) : std::string(text);
}

}  // namespace

std::string LogrusPlainLine(LogLevel level, absl::string_view message, absl::Time now,
                            absl::TimeZone zone) {
  std::string time = absl::FormatTime("%Y-%m-%dT%H:%M:%S%Ez", now, zone);
  constexpr absl::string_view kUtc = "+00:00";
  if (absl::string_view(time).substr(time.size() - kUtc.size()) == kUtc) {
    time.replace(time.size() - kUtc.size(), kUtc.size(), "Z");
  }
  return absl::StrCat("time=", Value(time), " level=", NameOf(level).plain, " msg=", Value(message),
                      "\n");
}

std::string LogrusTerminalLine(LogLevel level, absl::string_view message, absl::Duration elapsed) {
  LevelName name = NameOf(level);
  absl::ConsumeSuffix(&message, "\n");
  return absl::StrFormat("\x1b[%dm%s\x1b[0m[%04d] %-44s \n", name.colour, name.terminal,
                         absl::ToInt64Seconds(elapsed), message);
}

}  // namespace holkas
