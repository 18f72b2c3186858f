#include "worker/http/retry.h"

#include "absl/time/clock.h"
#include "gtest/gtest.h"

namespace holkas {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'000'000'000);  // Sun, 09 Sep 2001 01:46:40 GMT

TEST(Retry, TriesAgainWhatMayPass) {
  for (const int status : {429, 500, 502, 503, 504}) {
    EXPECT_TRUE(IsWorthRetrying(status)) << status;
  }
  for (const int status : {200, 202, 301, 400, 401, 403, 404, 405, 413, 501}) {
    EXPECT_FALSE(IsWorthRetrying(status)) << status;
  }
  EXPECT_TRUE(IsWorthRetrying(HttpFailure::kConnect));
  EXPECT_TRUE(IsWorthRetrying(HttpFailure::kReset));
  for (const HttpFailure failure :
       {HttpFailure::kNone, HttpFailure::kDenied, HttpFailure::kTls, HttpFailure::kCertificate,
        HttpFailure::kStall, HttpFailure::kMalformed, HttpFailure::kLimit}) {
    EXPECT_FALSE(IsWorthRetrying(failure));
  }
}

TEST(Retry, ReadsRetryAfterInSecondsAndDates) {
  EXPECT_EQ(ParseRetryAfter("0", kNow), absl::ZeroDuration());
  EXPECT_EQ(ParseRetryAfter(" 7 ", kNow), absl::Seconds(7));
  EXPECT_EQ(ParseRetryAfter("Sun, 09 Sep 2001 01:46:50 GMT", kNow), absl::Seconds(10));
}

TEST(Retry, RetryAfterIsBounded) {
  EXPECT_EQ(ParseRetryAfter("61", kNow), kMaxRetryDelay);
  EXPECT_EQ(ParseRetryAfter("99999999999999999999999999", kNow), kMaxRetryDelay);
  EXPECT_EQ(ParseRetryAfter("Sun, 09 Sep 2091 01:46:50 GMT", kNow), kMaxRetryDelay);
}

TEST(Retry, MalformedRetryAfterIsNone) {
  for (const char* value : {"", "-1", "1.5", "soon", "1 2", "Sun, 09 Sep 2001 01:46:30 GMT"}) {
    EXPECT_EQ(ParseRetryAfter(value, kNow), std::nullopt) << value;
  }
}

TEST(Retry, DelaysDoubleWithinAQuarter) {
  const RetryPolicy policy = {.first_delay = absl::Seconds(1)};
  for (int attempt = 1; attempt <= 4; ++attempt) {
    const absl::Duration nominal = absl::Seconds(1 << (attempt - 1));
    EXPECT_GE(RetryDelay(policy, attempt), nominal * 0.75);
    EXPECT_LE(RetryDelay(policy, attempt), nominal * 1.26);
  }
  EXPECT_LE(RetryDelay(policy, 1000), kMaxRetryDelay);
}

TEST(Retry, SleepsAsLongAsAsked) {
  const absl::Time begin = absl::Now();
  RetryPolicy::SleepInSandbox(absl::Milliseconds(20));
  EXPECT_GE(absl::Now() - begin, absl::Milliseconds(19));
}

}  // namespace
}  // namespace holkas
