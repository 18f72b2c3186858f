#include "worker/image/rfc3339.h"

#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

struct GoodCase {
  std::string text;
  std::string written;
  absl::Time time;
};

class GoodTime : public testing::TestWithParam<GoodCase> {};

TEST_P(GoodTime, IsWrittenAsGoDoes) {
  ASSERT_OK_AND_ASSIGN(Rfc3339Time time, ParseRfc3339(GetParam().text));
  EXPECT_EQ(time.text, GetParam().written);
  EXPECT_EQ(time.time, GetParam().time);
}

absl::Time At(int64_t seconds, int64_t nanoseconds = 0) {
  return absl::FromUnixSeconds(seconds) + absl::Nanoseconds(nanoseconds);
}

INSTANTIATE_TEST_SUITE_P(
    Forms, GoodTime,
    testing::Values(
        GoodCase{"1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z", At(0)},
        GoodCase{"1970-01-01T00:00:01.5Z", "1970-01-01T00:00:01.5Z", At(1, 500000000)},
        GoodCase{"1970-01-01T00:00:01.500Z", "1970-01-01T00:00:01.5Z", At(1, 500000000)},
        GoodCase{"1970-01-01T00:00:01.000Z", "1970-01-01T00:00:01Z", At(1)},
        GoodCase{"1970-01-01T00:00:01.000000012Z", "1970-01-01T00:00:01.000000012Z", At(1, 12)},
        GoodCase{"1970-01-01T00:00:01.1234567899Z", "1970-01-01T00:00:01.123456789Z",
                 At(1, 123456789)},
        GoodCase{"1970-01-01T05:30:00.12+05:30", "1970-01-01T05:30:00.12+05:30", At(0, 120000000)},
        GoodCase{"1969-12-31T16:00:00-08:00", "1969-12-31T16:00:00-08:00", At(0)},
        GoodCase{"1970-01-01T00:00:00+00:00", "1970-01-01T00:00:00Z", At(0)},
        GoodCase{"1970-01-01T00:00:00-00:00", "1970-01-01T00:00:00Z", At(0)},
        GoodCase{"0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z", At(-62135596800)},
        GoodCase{"2020-02-29T00:00:00Z", "2020-02-29T00:00:00Z", At(1582934400)},
        GoodCase{"9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z", At(253402300799)}));

class BadTime : public testing::TestWithParam<std::string> {};

TEST_P(BadTime, IsInvalidArgument) {
  EXPECT_THAT(ParseRfc3339(GetParam()), StatusIs(absl::StatusCode::kInvalidArgument,
                                                 testing::HasSubstr("is not of RFC 3339")));
}

INSTANTIATE_TEST_SUITE_P(
    Forms, BadTime,
    testing::Values("", "2020", "2020-01-02", "2020-01-02T03:04:05", "2020-01-02 03:04:05Z",
                    "2020-01-02t03:04:05z", "2020-01-02T3:04:05Z", "2020-01-02T03:04:05,5Z",
                    "2020-01-02T03:04:05.Z", "2020-01-02T03:04:05ZZ", "2020-01-02T03:04:05+0530",
                    "2020-01-02T03:04:05+05", "2020-01-02T03:04:05+24:00",
                    "2020-01-02T03:04:05+05:60", "2020-01-02T03:04:05*05:30",
                    "2020-13-01T00:00:00Z", "2020-00-01T00:00:00Z", "2020-01-00T00:00:00Z",
                    "2020-02-30T00:00:00Z", "2021-02-29T00:00:00Z", "2020-01-02T24:00:00Z",
                    "2020-01-02T00:60:00Z", "2020-01-02T00:00:60Z", "-001-01-01T00:00:00Z",
                    "+020-01-02T03:04:05Z"));

}  // namespace
}  // namespace holkas
