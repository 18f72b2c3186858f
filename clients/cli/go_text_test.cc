#include "clients/cli/go_text.h"

#include <cerrno>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using absl::StatusCode;

TEST(GoQuote, KeepsPrintableTextAndEscapesTheRest) {
  EXPECT_EQ(GoQuote(""), "\"\"");
  EXPECT_EQ(GoQuote("a b"), "\"a b\"");
  EXPECT_EQ(GoQuote("say \"x\\y\""), R"("say \"x\\y\"")");
  EXPECT_EQ(GoQuote("a\nb\tc"), R"("a\nb\tc")");
  EXPECT_EQ(GoQuote(absl::string_view("\0\x1b\x7f", 3)), R"("\x00\x1b\x7f")");
  EXPECT_EQ(GoQuote("é日🚢"), "\"é日🚢\"");
}

TEST(GoQuote, EscapesWhatIsInvisibleOrNotUtf8) {
  EXPECT_EQ(GoQuote("\xc2\xa0\xe2\x80\xa8"), R"("\u00a0\u2028")");
  EXPECT_EQ(GoQuote("\xf3\xa0\x80\x81"), R"("\U000e0001")");
  EXPECT_EQ(GoQuote("a\xff\xc3"), R"("a\xff\xc3")");
  EXPECT_EQ(GoQuote("\xed\xa0\x80"), R"("\xed\xa0\x80")");
}

TEST(GoErrno, HasNoCapital) {
  EXPECT_EQ(GoErrno(ENOENT), "no such file or directory");
  EXPECT_EQ(GoErrno(EISDIR), "is a directory");
}

TEST(ParseGoBool, TakesGosSpellings) {
  for (const char* yes : {"1", "t", "T", "TRUE", "true", "True"}) {
    EXPECT_THAT(ParseGoBool(yes), IsOkAndHolds(true));
  }
  for (const char* no : {"0", "f", "F", "FALSE", "false", "False"}) {
    EXPECT_THAT(ParseGoBool(no), IsOkAndHolds(false));
  }
  EXPECT_THAT(ParseGoBool("maybe"),
              StatusIs(StatusCode::kInvalidArgument,
                       "strconv.ParseBool: parsing \"maybe\": invalid syntax"));
}

TEST(ParseGoInt, TakesGosLiterals) {
  EXPECT_THAT(ParseGoInt("0"), IsOkAndHolds(0));
  EXPECT_THAT(ParseGoInt("-12"), IsOkAndHolds(-12));
  EXPECT_THAT(ParseGoInt("+7"), IsOkAndHolds(7));
  EXPECT_THAT(ParseGoInt("0x1F"), IsOkAndHolds(31));
  EXPECT_THAT(ParseGoInt("0b101"), IsOkAndHolds(5));
  EXPECT_THAT(ParseGoInt("017"), IsOkAndHolds(15));
  EXPECT_THAT(ParseGoInt("9223372036854775807"), IsOkAndHolds(INT64_MAX));
  EXPECT_THAT(ParseGoInt("-9223372036854775808"), IsOkAndHolds(INT64_MIN));
}

TEST(ParseGoInt, RefusesOthersWithGosText) {
  EXPECT_THAT(ParseGoInt("x"), StatusIs(StatusCode::kInvalidArgument,
                                        "strconv.ParseInt: parsing \"x\": invalid syntax"));
  EXPECT_THAT(ParseGoInt(""), StatusIs(StatusCode::kInvalidArgument,
                                       "strconv.ParseInt: parsing \"\": invalid syntax"));
  EXPECT_THAT(ParseGoInt("9223372036854775808"),
              StatusIs(StatusCode::kInvalidArgument,
                       "strconv.ParseInt: parsing \"9223372036854775808\": value out of range"));
}

TEST(ParseGoUint, RefusesASign) {
  EXPECT_THAT(ParseGoUint("18446744073709551615"), IsOkAndHolds(UINT64_MAX));
  EXPECT_THAT(ParseGoUint("18446744073709551616"),
              StatusIs(StatusCode::kInvalidArgument,
                       "strconv.ParseUint: parsing \"18446744073709551616\": value out of range"));
  EXPECT_THAT(ParseGoUint("-1"), StatusIs(StatusCode::kInvalidArgument,
                                          "strconv.ParseUint: parsing \"-1\": invalid syntax"));
}

TEST(ParseGoDuration, AddsUpTerms) {
  EXPECT_THAT(ParseGoDuration("0"), IsOkAndHolds(absl::ZeroDuration()));
  EXPECT_THAT(ParseGoDuration("1h15m30.5s"), IsOkAndHolds(absl::Milliseconds(4530500)));
  EXPECT_THAT(ParseGoDuration("-2ms3us4ns"), IsOkAndHolds(-absl::Nanoseconds(2003004)));
  EXPECT_THAT(ParseGoDuration("5µs"), IsOkAndHolds(absl::Microseconds(5)));
}

TEST(ParseGoDuration, RefusesOthersWithGosText) {
  EXPECT_THAT(ParseGoDuration("5"),
              StatusIs(StatusCode::kInvalidArgument, "time: missing unit in duration \"5\""));
  EXPECT_THAT(ParseGoDuration(""),
              StatusIs(StatusCode::kInvalidArgument, "time: invalid duration \"\""));
  EXPECT_THAT(ParseGoDuration("1.2.3s"),
              StatusIs(StatusCode::kInvalidArgument, "time: invalid duration \"1.2.3s\""));
  EXPECT_THAT(ParseGoDuration("3d"), StatusIs(StatusCode::kInvalidArgument,
                                              "time: unknown unit \"d\" in duration \"3d\""));
  EXPECT_THAT(ParseGoDuration("99999999999h"),
              StatusIs(StatusCode::kInvalidArgument, "time: invalid duration \"99999999999h\""));
}

}  // namespace
}  // namespace holkas
