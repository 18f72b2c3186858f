#include "worker/http/retry.h"

#include <algorithm>
#include <optional>

#include "absl/time/clock.h"
#include "gtest/gtest.h"

namespace holkas {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'000'000'000);  // Sun, 09 Sep 2001 01:46:40 GMT

TEST(Retry, TriesAgainWhatMayPass) {
  for (const int status : {408, 429, 500, 502, 503, 504}) {
    EXPECT_GE(MaxAttempts(status, false), 4) << status;
  }
  for (const int status : {200, 202, 301, 400, 401, 403, 404, 405, 413, 416, 501}) {
    EXPECT_EQ(MaxAttempts(status, true), 1) << status;
  }
  for (const HttpFailure failure : {HttpFailure::kConnect, HttpFailure::kReset}) {
    EXPECT_EQ(MaxAttempts(failure, false), 4);
  }
  EXPECT_EQ(MaxAttempts(HttpFailure::kTlsReset, false), 2);
  EXPECT_EQ(MaxAttempts(HttpFailure::kTlsReset, true), MaxAttempts(HttpFailure::kReset, true));
  for (const HttpFailure failure :
       {HttpFailure::kNone, HttpFailure::kDenied, HttpFailure::kTls, HttpFailure::kCertificate,
        HttpFailure::kStall, HttpFailure::kMalformed, HttpFailure::kLimit}) {
    EXPECT_EQ(MaxAttempts(failure, true), 1);
  }
}

TEST(Retry, RegistryThatAnsweredBeforeIsWaitedFor) {
  const RetryPolicy policy;
  absl::Duration least;
  absl::Duration most;
  for (int attempt = 1; attempt < MaxAttempts(HttpFailure::kConnect, true); ++attempt) {
    const absl::Duration nominal =
        std::min(policy.first_delay * (1 << (attempt - 1)), kMaxRetryDelay);
    least += nominal * 0.75;
    most += nominal * 1.25;
  }
  EXPECT_GT(least, absl::Seconds(30));
  EXPECT_LT(most, absl::Seconds(90));
  EXPECT_EQ(MaxAttempts(503, true), MaxAttempts(HttpFailure::kConnect, true));
  EXPECT_EQ(MaxAttempts(500, true), 4);
}

TEST(Retry, ReadsRetryAfterInSecondsAndDates) {
  EXPECT_EQ(ParseRetryAfter("1", kNow), absl::Seconds(1));
  EXPECT_EQ(ParseRetryAfter(" 7 ", kNow), absl::Seconds(7));
  EXPECT_EQ(ParseRetryAfter("Sun, 09 Sep 2001 01:46:50 GMT", kNow), absl::Seconds(10));
}

TEST(Retry, RetryAfterIsBounded) {
  EXPECT_EQ(ParseRetryAfter("0", kNow), absl::Milliseconds(100));
  EXPECT_EQ(ParseRetryAfter("Sun, 09 Sep 2001 01:46:40 GMT", kNow), absl::Milliseconds(100));
  for (const char* value : {"60", "61", "1000000000000000000", "99999999999999999999999999",
                            "Sun, 09 Sep 2091 01:46:50 GMT"}) {
    EXPECT_EQ(ParseRetryAfter(value, kNow), absl::Seconds(60)) << value;
  }
}

TEST(Retry, MalformedRetryAfterIsNone) {
  for (const char* value :
       {"", "-1", "-5", "1.5", "1e18", "soon", "1 2", "+1", "Sun, 09 Sep 2001 01:46:30 GMT"}) {
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
  EXPECT_LE(RetryDelay(policy, 1000), kMaxRetryDelay * 1.26);
}

TEST(RetryBudget, EndsAfterSoManyAttemptsOrSoMuchWaiting) {
  RetryBudget many;
  for (int i = 0; i < RetryBudget::kMaxRetries; ++i) {
    ASSERT_TRUE(many.Spend(absl::ZeroDuration()));
  }
  EXPECT_FALSE(many.Spend(absl::ZeroDuration()));
  RetryBudget patient;
  for (int i = 0; i < 15; ++i) {
    ASSERT_TRUE(patient.Spend(absl::Minutes(1)));
  }
  EXPECT_FALSE(patient.Spend(absl::Milliseconds(1)));
}

TEST(ResumeBudget, StreamThatMovesIsTakenUpAtOnceAndForEver) {
  ResumeBudget budget;
  int64_t done_bytes = 0;
  for (int i = 0; i < 10'000; ++i) {
    done_bytes += ResumeBudget::kBytesPerResume;
    ASSERT_EQ(budget.Resume(HttpFailure::kReset, done_bytes), absl::ZeroDuration());
  }
}

TEST(ResumeBudget, SmallStepsAddUp) {
  ResumeBudget budget;
  int64_t done_bytes = 0;
  for (int i = 0; i < 10'000; ++i) {
    done_bytes += i % 2 == 0 ? 1000 : 2 * ResumeBudget::kBytesPerResume;
    ASSERT_TRUE(budget.Resume(HttpFailure::kReset, done_bytes).has_value());
  }
}

TEST(ResumeBudget, StreamThatDoesNotMoveEndsAfterLongerAndLongerWaits) {
  ResumeBudget budget;
  absl::Duration nominal = absl::Milliseconds(200);
  absl::Duration waited;
  for (int i = 0; i < ResumeBudget::kMaxResumes; ++i) {
    const std::optional<absl::Duration> delay = budget.Resume(HttpFailure::kReset, i);
    ASSERT_TRUE(delay.has_value());
    EXPECT_LE(*delay, std::min(nominal, absl::Seconds(10)));
    waited += *delay;
    nominal *= 2;
  }
  EXPECT_GT(waited, absl::Milliseconds(200));
  EXPECT_EQ(budget.Resume(HttpFailure::kReset, 10), std::nullopt);
}

TEST(ResumeBudget, StallsAreFewWhateverMovesBetweenThem) {
  ResumeBudget budget;
  for (int i = 1; i <= ResumeBudget::kMaxStalls; ++i) {
    EXPECT_TRUE(budget.Resume(HttpFailure::kStall, i << 20).has_value());
  }
  EXPECT_EQ(budget.Resume(HttpFailure::kStall, 1 << 30), std::nullopt);
}

TEST(Retry, SleepsAsLongAsAsked) {
  const absl::Time begin = absl::Now();
  RetryPolicy::SleepInSandbox(absl::Milliseconds(20));
  EXPECT_GE(absl::Now() - begin, absl::Milliseconds(19));
}

}  // namespace
}  // namespace holkas
