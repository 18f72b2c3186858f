#include "service/telemetry/logger.h"

#include <unistd.h>

#include "gtest/gtest.h"
#include "proto/wire/unique_fd.h"

namespace holkas {
namespace {

const absl::Time kTime = absl::FromUnixMillis(1700000000123);

std::string Json(absl::string_view message, std::initializer_list<LogField> fields = {}) {
  return FormatLogLine(LogFormat::kJson, kTime, LogLevel::kInfo, message, fields);
}

TEST(FormatLogLine, JsonHasTimeInMillisecondsLevelMessageAndFields) {
  EXPECT_EQ(
      Json("request done", {{"bytes", int64_t{5} << 40}, {"ok", true}, {"rpc", "Copy"}}),
      "{\"time\":\"2023-11-14T22:13:20.123Z\",\"level\":\"info\",\"message\":\"request done\","
      "\"bytes\":5497558138880,\"ok\":true,\"rpc\":\"Copy\"}\n");
}

TEST(FormatLogLine, HostileTextStaysOnItsLine) {
  EXPECT_EQ(Json("a\"b\\c\nd\r\x01\x7f"),
            "{\"time\":\"2023-11-14T22:13:20.123Z\",\"level\":\"info\","
            "\"message\":\"a\\\"b\\\\c\\nd\\u000d\\u0001\\u007f\"}\n");
}

TEST(FormatLogLine, BytesThatAreNotUtf8AreReplaced) {
  // An overlong slash, a surrogate and a truncated character.
  EXPECT_NE(Json("\xc0\xaf|\xed\xa0\x80|\xe2\x82").find("\xef\xbf\xbd\xef\xbf\xbd|\xef\xbf\xbd"),
            std::string::npos);
  EXPECT_NE(Json("\xe2\x82\xac").find("\xe2\x82\xac"), std::string::npos);
}

TEST(FormatLogLine, TextQuotesStringsToo) {
  EXPECT_EQ(FormatLogLine(LogFormat::kText, kTime, LogLevel::kError, "no", {{"why", "x y"}}),
            "2023-11-14T22:13:20.123Z error \"no\" why=\"x y\"\n");
}

TEST(FormatLogLine, LongValuesAreCut) {
  EXPECT_LT(Json(std::string(1 << 20, 'x')).size(), 10u << 10);
}

TEST(Logger, WritesWhatIsSevereEnough) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  Logger logger(LogLevel::kWarning, LogFormat::kText, write_end.get());
  EXPECT_FALSE(logger.enabled(LogLevel::kInfo));
  logger.Log(LogLevel::kInfo, "quiet");
  logger.Log(LogLevel::kWarning, "loud");
  write_end.reset();
  char buffer[256];
  const ssize_t size = read(read_end.get(), buffer, sizeof buffer);
  ASSERT_GT(size, 0);
  const std::string text(buffer, static_cast<size_t>(size));
  EXPECT_EQ(text.find("quiet"), std::string::npos);
  EXPECT_NE(text.find("\"loud\"\n"), std::string::npos);
}

TEST(Logger, OffWritesNothing) {
  Logger logger(LogLevel::kOff, LogFormat::kJson, -1);
  EXPECT_FALSE(logger.enabled(LogLevel::kError));
  EXPECT_FALSE(logger.enabled(LogLevel::kOff));
}

}  // namespace
}  // namespace holkas
