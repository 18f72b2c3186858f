#include "worker/jobs/retry_job.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"
#include "worker/broker/fake_broker.h"

namespace holkas {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::Le;

class RetryJobTest : public testing::Test {
 protected:
  // Runs attempts with these results, the last one for ever.
  absl::Status Run(const v1::RetryPolicy& policy, std::vector<absl::Status> results) {
    return RunWithRetries(
        policy, "delete", broker_,
        [this, results = std::move(results)] {
          const size_t number = static_cast<size_t>(attempts_++);
          return results[std::min(number, results.size() - 1)];
        },
        [this](absl::Duration time) { waits_.push_back(absl::ToDoubleSeconds(time)); });
  }
  static v1::RetryPolicy Policy(int retries, double delay_seconds = 0) {
    v1::RetryPolicy policy;
    policy.set_max_retries(retries);
    policy.set_delay_seconds(delay_seconds);
    return policy;
  }

  FakeBroker broker_{{}, {}};
  int attempts_ = 0;
  std::vector<double> waits_;
};

TEST_F(RetryJobTest, WaitsDoubleUntilItSucceeds) {
  const absl::Status lost = absl::UnavailableError("lost");
  EXPECT_OK(Run(Policy(5), {lost, lost, lost, absl::OkStatus()}));
  EXPECT_THAT(waits_,
              ElementsAre(AllOf(Ge(1), Le(1.1)), AllOf(Ge(2), Le(2.2)), AllOf(Ge(4), Le(4.4))));
  ASSERT_EQ(broker_.log().size(), 3u);
  EXPECT_THAT(broker_.log()[1],
              AllOf(HasSubstr("delete failed, retrying in 2"), HasSubstr("(2/5): lost")));
}

TEST_F(RetryJobTest, EndsWithTheLastFailure) {
  EXPECT_THAT(Run(Policy(1, 30), {absl::UnavailableError("a"), absl::UnavailableError("b")}),
              StatusIs(absl::StatusCode::kUnavailable, "b"));
  EXPECT_EQ(attempts_, 2);
  EXPECT_THAT(waits_, ElementsAre(AllOf(Ge(30), Le(33))));
}

TEST_F(RetryJobTest, OtherFailuresAreFinal) {
  EXPECT_THAT(Run(Policy(5), {absl::NotFoundError("none")}), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(Run(Policy(0), {absl::UnavailableError("lost")}),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(attempts_, 2);
  EXPECT_TRUE(waits_.empty());
}

}  // namespace
}  // namespace holkas
