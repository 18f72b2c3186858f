#include "service/rpc/stall_guard.h"

#include <atomic>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;

TEST(StallGuard, WhoDoesNothingIsBrokenOffOnceAndToldWhy) {
  absl::Notification cancelled;
  absl::Status told;
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<StallGuard> guard,
                       StallGuard::Start({.cancel =
                                              [&](const absl::Status& why) {
                                                told = why;
                                                cancelled.Notify();
                                              }},
                                         absl::Milliseconds(20), absl::InfiniteFuture()));
  cancelled.WaitForNotification();
  EXPECT_THAT(told,
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("did nothing for 20ms")));
  EXPECT_EQ(guard->status(), told);
}

TEST(StallGuard, ProgressPutsItOff) {
  absl::Notification cancelled;
  const absl::Time start = absl::Now();
  ASSERT_OK_AND_ASSIGN(
      const std::unique_ptr<StallGuard> guard,
      StallGuard::Start({.cancel = [&](const absl::Status&) { cancelled.Notify(); }},
                        absl::Seconds(2), absl::InfiniteFuture()));
  absl::SleepFor(absl::Milliseconds(100));
  guard->Progress();
  cancelled.WaitForNotification();
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(2100));
}

TEST(StallGuard, TheDeadlineIsNotPutOff) {
  absl::Notification cancelled;
  ASSERT_OK_AND_ASSIGN(
      const std::unique_ptr<StallGuard> guard,
      StallGuard::Start({.cancel = [&](const absl::Status&) { cancelled.Notify(); }},
                        absl::Hours(1), absl::Now() + absl::Milliseconds(20)));
  guard->Progress();
  cancelled.WaitForNotification();
  EXPECT_THAT(guard->status(), StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("longer")));
}

TEST(StallGuard, NothingIsBrokenOffAfterItsEnd) {
  std::atomic<bool> cancelled = false;
  {
    ASSERT_OK_AND_ASSIGN(
        const std::unique_ptr<StallGuard> guard,
        StallGuard::Start({.cancel = [&](const absl::Status&) { cancelled = true; },
                           .let_go = [&] { cancelled = true; }},
                          absl::Hours(1), absl::InfiniteFuture()));
    EXPECT_OK(guard->status());
  }
  EXPECT_FALSE(cancelled);
}

// A guard of a call that may not go on from `refused` on.
absl::StatusOr<std::unique_ptr<StallGuard>> StartChecked(const std::atomic<bool>& refused,
                                                         absl::Notification& cancelled) {
  return StallGuard::Start(
      {.cancel =
           [&](const absl::Status& why) {
             EXPECT_EQ(why, absl::UnavailableError("no more"));
             cancelled.Notify();
           },
       .check = [&] { return refused ? absl::UnavailableError("no more") : absl::OkStatus(); }},
      absl::Hours(1), absl::InfiniteFuture());
}

TEST(StallGuard, WhatMayNotGoOnIsBrokenOff) {
  std::atomic<bool> refused = false;
  absl::Notification cancelled;
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<StallGuard> guard, StartChecked(refused, cancelled));
  EXPECT_FALSE(cancelled.WaitForNotificationWithTimeout(StallGuard::kLookInterval * 2));
  EXPECT_OK(guard->status());
  refused = true;
  cancelled.WaitForNotification();
}

TEST(StallGuard, WhatMayNotGoOnMayEndByItselfFirst) {
  std::atomic<bool> refused = true;
  absl::Notification cancelled;
  {
    ASSERT_OK_AND_ASSIGN(const std::unique_ptr<StallGuard> guard, StartChecked(refused, cancelled));
    while (guard->status().ok()) {
      absl::SleepFor(absl::Milliseconds(1));
    }
    EXPECT_FALSE(cancelled.HasBeenNotified());
  }
  EXPECT_FALSE(cancelled.HasBeenNotified());
}

TEST(StallGuard, WhatIsBrokenOffIsLetGo) {
  absl::Notification let_go;
  std::atomic<bool> cancelled = false;
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<StallGuard> guard,
                       StallGuard::Start({.cancel = [&](const absl::Status&) { cancelled = true; },
                                          .let_go =
                                              [&] {
                                                EXPECT_TRUE(cancelled);
                                                let_go.Notify();
                                              }},
                                         absl::Milliseconds(20), absl::InfiniteFuture()));
  let_go.WaitForNotification();
}

TEST(StallGuard, ACallThatIsOverIsLetGoAndNotBrokenOff) {
  absl::Notification let_go;
  std::atomic<bool> over = false;
  std::atomic<bool> cancelled = false;
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<StallGuard> guard,
                       StallGuard::Start({.cancel = [&](const absl::Status&) { cancelled = true; },
                                          .cancelled = [&] { return over.load(); },
                                          .let_go = [&] { let_go.Notify(); }},
                                         absl::Hours(1), absl::InfiniteFuture()));
  EXPECT_FALSE(let_go.WaitForNotificationWithTimeout(StallGuard::kLookInterval * 2));
  over = true;
  let_go.WaitForNotification();
  EXPECT_FALSE(cancelled);
  EXPECT_OK(guard->status());
}

}  // namespace
}  // namespace holkas
