#include "worker/jobs/retry_job.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "worker/broker/fake_broker.h"

namespace holkas {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::Status RegistryTrouble(std::string http_status) {
  return MakeError(absl::StatusCode::kUnavailable, "REGISTRY_UNAVAILABLE", "trouble",
                   {{"http_status", std::move(http_status)}});
}

v1::RetryPolicy PolicyOf(int max_retries, double delay_seconds = 0) {
  v1::RetryPolicy policy;
  policy.set_max_retries(max_retries);
  policy.set_delay_seconds(delay_seconds);
  return policy;
}

class RetryJobTest : public testing::Test {
 protected:
  // Runs attempts that give these results in turn.
  absl::Status Run(const v1::RetryPolicy& policy, std::vector<absl::Status> results) {
    return RunWithRetries(
        "inspect", policy, broker_, [&] { return results.at(static_cast<size_t>(attempts_++)); },
        [this](const v1::Retrying& retrying) { told_.push_back(retrying); },
        [this](absl::Duration delay) { delays_.push_back(delay); });
  }

  FakeBroker broker_{{}, {}};
  int attempts_ = 0;
  std::vector<absl::Duration> delays_;
  std::vector<v1::Retrying> told_;
};

TEST_F(RetryJobTest, WithoutThePolicyThereIsOneAttempt) {
  EXPECT_THAT(Run(PolicyOf(0), {RegistryTrouble("503")}), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(attempts_, 1);
}

TEST_F(RetryJobTest, RepeatsUntilItSucceeds) {
  EXPECT_OK(Run(PolicyOf(5), {RegistryTrouble("503"), absl::UnavailableError("connection refused"),
                              absl::OkStatus()}));
  EXPECT_EQ(attempts_, 3);
  EXPECT_THAT(broker_.log(), ElementsAre(HasSubstr("inspect failed, retrying in 1"),
                                         HasSubstr("(2/5): connection refused")));
  ASSERT_EQ(told_.size(), 2u);
  EXPECT_EQ(told_[1].attempt(), 2);
  EXPECT_EQ(told_[1].max_retries(), 5);
  EXPECT_EQ(told_[1].delay().seconds(), absl::ToInt64Seconds(delays_[1]));
  EXPECT_EQ(told_[1].error(), "connection refused");
}

TEST_F(RetryJobTest, GivesTheLastErrorAfterAllAttempts) {
  EXPECT_THAT(Run(PolicyOf(2),
                  {RegistryTrouble("502"), RegistryTrouble("503"), absl::UnavailableError("last")}),
              StatusIs(absl::StatusCode::kUnavailable, "last"));
}

TEST_F(RetryJobTest, RepeatsAfterWhatSkopeoDoes) {
  for (const char* status : {"502", "503", "504"}) {
    EXPECT_TRUE(IsWorthRepeating(RegistryTrouble(status))) << status;
  }
  for (const char* status : {"500", "429", "404"}) {
    EXPECT_FALSE(IsWorthRepeating(RegistryTrouble(status))) << status;
  }
  EXPECT_TRUE(IsWorthRepeating(absl::UnavailableError("reset")));
  for (const absl::Status& status :
       {absl::NotFoundError(""), absl::UnauthenticatedError(""), absl::PermissionDeniedError(""),
        absl::DataLossError(""), absl::InternalError(""), absl::ResourceExhaustedError("")}) {
    EXPECT_FALSE(IsWorthRepeating(status)) << status;
  }
}

TEST_F(RetryJobTest, DelaysDoubleOrAreWhatTheCallerSays) {
  EXPECT_OK(Run(PolicyOf(4), {RegistryTrouble("503"), RegistryTrouble("503"),
                              RegistryTrouble("503"), absl::OkStatus()}));
  for (int i = 0; i < 3; ++i) {
    EXPECT_GE(delays_.at(i), absl::Seconds(1 << i));
    EXPECT_LE(delays_.at(i), absl::Seconds(1 << i) * 1.11);
  }
  EXPECT_GE(DelayOfJob(PolicyOf(4, 2.5), 7), absl::Seconds(2.5));
  EXPECT_LE(DelayOfJob(PolicyOf(4, 2.5), 7), absl::Seconds(2.76));
  EXPECT_LE(DelayOfJob(PolicyOf(100), 99), absl::Seconds(3961));
}

TEST_F(RetryJobTest, ResultsAreHandedOn) {
  const absl::StatusOr<int> result =
      RunWithRetries("inspect", PolicyOf(1), broker_, [] { return absl::StatusOr<int>(7); });
  EXPECT_THAT(result, IsOkAndHolds(7));
}

}  // namespace
}  // namespace holkas
