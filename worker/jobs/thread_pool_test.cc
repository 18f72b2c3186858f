#include "worker/jobs/thread_pool.h"

#include <atomic>
#include <memory>

#include "absl/status/status.h"
#include "absl/synchronization/barrier.h"
#include "absl/synchronization/notification.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

TEST(ThreadPool, RunsAsManyTasksAtOnceAsItHasThreads) {
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<ThreadPool> pool, NewThreadPool(4));
  EXPECT_EQ(pool->size(), 4);
  // Opens only once all four are there.
  auto* barrier = new absl::Barrier(5);
  for (int i = 0; i < 4; ++i) {
    pool->Schedule([barrier] {
      if (barrier->Block()) {
        delete barrier;
      }
    });
  }
  if (barrier->Block()) {
    delete barrier;
  }
}

TEST(ThreadPool, RunsWhatIsScheduledBeforeItEnds) {
  std::atomic<int> done = 0;
  {
    ASSERT_OK_AND_ASSIGN(const std::unique_ptr<ThreadPool> pool, NewThreadPool(2));
    for (int i = 0; i < 100; ++i) {
      pool->Schedule([&done] { ++done; });
    }
  }
  EXPECT_EQ(done, 100);
}

TEST(ThreadPool, ATaskMaySchedule) {
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<ThreadPool> pool, NewThreadPool(1));
  absl::Notification done;
  pool->Schedule([&] { pool->Schedule([&done] { done.Notify(); }); });
  done.WaitForNotification();
}

TEST(ThreadPool, HasBounds) {
  EXPECT_OK(NewThreadPool(0));
  EXPECT_OK(NewThreadPool(kMaxThreads));
  EXPECT_THAT(NewThreadPool(kMaxThreads + 1), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(NewThreadPool(-1), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace holkas
