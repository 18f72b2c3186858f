#include "service/rpc/stall_guard.h"

#include <memory>

#include "absl/status/status.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;

TEST(StallGuard, WhoDoesNothingIsBrokenOffOnce) {
  absl::Notification cancelled;
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<StallGuard> guard,
                       StallGuard::Start([&] { cancelled.Notify(); }, absl::Milliseconds(20),
                                         absl::InfiniteFuture()));
  cancelled.WaitForNotification();
  EXPECT_THAT(guard->status(),
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("did nothing for 20ms")));
}

TEST(StallGuard, ProgressPutsItOff) {
  absl::Notification cancelled;
  const absl::Time start = absl::Now();
  ASSERT_OK_AND_ASSIGN(
      const std::unique_ptr<StallGuard> guard,
      StallGuard::Start([&] { cancelled.Notify(); }, absl::Seconds(2), absl::InfiniteFuture()));
  absl::SleepFor(absl::Milliseconds(100));
  guard->Progress();
  cancelled.WaitForNotification();
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(2100));
}

TEST(StallGuard, TheDeadlineIsNotPutOff) {
  absl::Notification cancelled;
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<StallGuard> guard,
                       StallGuard::Start([&] { cancelled.Notify(); }, absl::Hours(1),
                                         absl::Now() + absl::Milliseconds(20)));
  guard->Progress();
  cancelled.WaitForNotification();
  EXPECT_THAT(guard->status(), StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("longer")));
}

TEST(StallGuard, NothingIsBrokenOffAfterItsEnd) {
  bool cancelled = false;
  {
    ASSERT_OK_AND_ASSIGN(
        const std::unique_ptr<StallGuard> guard,
        StallGuard::Start([&] { cancelled = true; }, absl::Hours(1), absl::InfiniteFuture()));
    EXPECT_OK(guard->status());
  }
  EXPECT_FALSE(cancelled);
}

}  // namespace
}  // namespace holkas
