#include "clients/cli/logrus.h"

#include "gtest/gtest.h"

namespace holkas {
namespace {

const absl::Time kNow =
    absl::FromCivil(absl::CivilSecond(2026, 11, 23, 8, 8, 22), absl::UTCTimeZone());

TEST(LogrusPlainLine, QuotesAndEscapesAsLogrus) {
  EXPECT_EQ(LogrusPlainLine(LogLevel::kFatal, "Error parsing image name \"x\": a\nb", kNow,
                            absl::UTCTimeZone()),
            "time=\"2026-11-23T08:08:22Z\" level=fatal "
            "msg=\"Error parsing image name \\\"x\\\": a\\nb\"\n");
}

TEST(LogrusPlainLine, HarmlessMessageHasNoQuotes) {
  EXPECT_EQ(LogrusPlainLine(LogLevel::kWarning, "a-Z0._/@^+", kNow, absl::UTCTimeZone()),
            "time=\"2026-11-23T08:08:22Z\" level=warning msg=a-Z0._/@^+\n");
  EXPECT_EQ(LogrusPlainLine(LogLevel::kInfo, "", kNow, absl::UTCTimeZone()),
            "time=\"2026-11-23T08:08:22Z\" level=info msg=\n");
}

TEST(LogrusPlainLine, ZoneIsAnOffset) {
  EXPECT_EQ(LogrusPlainLine(LogLevel::kDebug, "x", kNow, absl::FixedTimeZone(5400)),
            "time=\"2026-11-23T09:38:22+01:30\" level=debug msg=x\n");
}

TEST(LogrusTerminalLine, PadsShortMessages) {
  EXPECT_EQ(LogrusTerminalLine(LogLevel::kFatal, "short", absl::Seconds(3.9)),
            "\x1b[31mFATA\x1b[0m[0003] short                                        \n");
  EXPECT_EQ(LogrusTerminalLine(
                LogLevel::kWarning,
                "'--tls-verify' is deprecated, please set this on the specific subcommand\n",
                absl::ZeroDuration()),
            "\x1b[33mWARN\x1b[0m[0000] '--tls-verify' is deprecated, please set this on the "
            "specific subcommand \n");
}

}  // namespace
}  // namespace holkas
