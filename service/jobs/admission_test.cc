#include "service/jobs/admission.h"

#include <atomic>
#include <optional>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using absl::StatusCode;

absl::Time Soon() { return absl::Now() + absl::Seconds(30); }

TEST(Admission, FullQueueIsResourceExhausted) {
  Admission admission(1, 0);
  ASSERT_OK_AND_ASSIGN(Admission::Slot slot, admission.Enter(Soon(), nullptr));
  const absl::Status status = admission.Enter(Soon(), nullptr).status();
  EXPECT_THAT(status,
              StatusIs(StatusCode::kResourceExhausted, testing::HasSubstr("max_queued_requests")));
  EXPECT_EQ(ErrorReason(status), "LIMIT_EXCEEDED");
  EXPECT_EQ(admission.running(), 1);
}

TEST(Admission, LeavingLetsTheNextOneRunInOrder) {
  Admission admission(1, 10);
  std::optional<Admission::Slot> first(admission.Enter(Soon(), nullptr).value());
  std::atomic<int> waiting = 0;
  std::atomic<int> turn = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    absl::Notification queued;
    threads.emplace_back([&, i] {
      bool told = false;
      absl::StatusOr<Admission::Slot> slot = admission.Enter(Soon(), [&] {
        if (!told) {
          told = true;
          queued.Notify();
        }
        return false;
      });
      EXPECT_OK(slot.status());
      EXPECT_EQ(turn++, i);
      ++waiting;
    });
    queued.WaitForNotification();
  }
  EXPECT_EQ(waiting, 0);
  first.reset();
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(waiting, 3);
  EXPECT_EQ(admission.running(), 0);
}

TEST(Admission, WaitingEndsAtTheDeadline) {
  Admission admission(1, 1);
  ASSERT_OK_AND_ASSIGN(Admission::Slot slot, admission.Enter(Soon(), nullptr));
  EXPECT_THAT(admission.Enter(absl::Now() + absl::Milliseconds(1), nullptr),
              StatusIs(StatusCode::kDeadlineExceeded));
  // Its place in the queue is free again.
  EXPECT_THAT(admission.Enter(absl::Now() + absl::Milliseconds(1), nullptr),
              StatusIs(StatusCode::kDeadlineExceeded));
}

TEST(Admission, WaitingEndsWhenTheCallerHangsUp) {
  Admission admission(1, 1);
  ASSERT_OK_AND_ASSIGN(Admission::Slot slot, admission.Enter(Soon(), nullptr));
  EXPECT_THAT(admission.Enter(Soon(), [] { return true; }), StatusIs(StatusCode::kCancelled));
}

TEST(Admission, DrainRefusesThoseWhoWaitAndThoseWhoCome) {
  Admission admission(1, 1);
  std::optional<Admission::Slot> slot(admission.Enter(Soon(), nullptr).value());
  absl::Notification queued;
  std::thread waiter([&] {
    bool told = false;
    const absl::Status status = admission
                                    .Enter(Soon(),
                                           [&] {
                                             if (!told) {
                                               told = true;
                                               queued.Notify();
                                             }
                                             return false;
                                           })
                                    .status();
    EXPECT_THAT(status, StatusIs(StatusCode::kUnavailable));
    EXPECT_EQ(ErrorReason(status), "SERVER_DRAINING");
  });
  queued.WaitForNotification();
  admission.Drain();
  waiter.join();
  EXPECT_THAT(admission.Enter(Soon(), nullptr), StatusIs(StatusCode::kUnavailable));
  EXPECT_FALSE(admission.WaitUntilIdle(absl::Now()));
  slot.reset();
  EXPECT_TRUE(admission.WaitUntilIdle(absl::Now()));
}

}  // namespace
}  // namespace holkas
