#include "service/jobs/caller_quota.h"

#include <optional>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

TEST(CallerQuota, RefusesMoreOfOneCallerAndTakesOthers) {
  CallerQuota quota(2);
  ASSERT_OK_AND_ASSIGN(const CallerQuota::Place one, quota.Enter("uid:1"));
  std::optional<CallerQuota::Place> two(quota.Enter("uid:1").value());
  const absl::Status status = quota.Enter("uid:1").status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted,
                               testing::HasSubstr("2 of uid:1 run or wait already "
                                                  "(limits.max_requests_per_caller)")));
  EXPECT_EQ(ErrorReason(status), "LIMIT_EXCEEDED");
  EXPECT_OK(quota.Enter("uid:2"));
  two.reset();
  EXPECT_OK(quota.Enter("uid:1"));
}

}  // namespace
}  // namespace holkas
