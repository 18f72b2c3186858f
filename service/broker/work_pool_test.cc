#include "service/broker/work_pool.h"

#include <atomic>
#include <string>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"

namespace holkas {
namespace {

TEST(WorkPool, RunsAllTasks) {
  WorkPool pool(4);
  std::atomic<int> sum = 0;
  WorkPool::Client client(pool, 4);
  absl::BlockingCounter done(1000);
  for (int i = 0; i < 1000; ++i) {
    client.Schedule([&, i] {
      sum += i;
      done.DecrementCount();
    });
  }
  done.Wait();
  EXPECT_EQ(sum, 499500);
}

TEST(WorkPool, ClientRunsNoMoreThanItMayAtOnce) {
  WorkPool pool(8);
  std::atomic<int> running = 0;
  std::atomic<int> most = 0;
  absl::BlockingCounter done(200);
  WorkPool::Client client(pool, 3);
  for (int i = 0; i < 200; ++i) {
    client.Schedule([&] {
      int now = ++running;
      for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
      }
      --running;
      done.DecrementCount();
    });
  }
  done.Wait();
  EXPECT_LE(most, 3);
}

TEST(WorkPool, ClientsTakeTurns) {
  WorkPool pool(1);
  absl::Mutex mutex;
  std::string order;
  absl::Notification begin;
  absl::BlockingCounter done(6);
  WorkPool::Client many(pool, 1);
  WorkPool::Client few(pool, 1);
  many.Schedule([&] { begin.WaitForNotification(); });
  auto note = [&](char who) {
    return [&, who] {
      absl::MutexLock lock(&mutex);
      order += who;
      done.DecrementCount();
    };
  };
  for (int i = 0; i < 5; ++i) {
    many.Schedule(note('m'));
  }
  few.Schedule(note('f'));
  begin.Notify();
  done.Wait();
  EXPECT_LE(order.find('f'), 1u) << order;
}

TEST(WorkPool, StopForgetsWhatHasNotBegunAndWaitsForWhatHas) {
  WorkPool pool(1);
  absl::Notification begun;
  std::atomic<bool> ended = false;
  std::atomic<bool> forgotten = true;
  WorkPool::Client client(pool, 1);
  client.Schedule([&] {
    begun.Notify();
    absl::SleepFor(absl::Milliseconds(10));
    ended = true;
  });
  client.Schedule([&] { forgotten = false; });
  begun.WaitForNotification();
  client.Stop();
  EXPECT_TRUE(ended);
  EXPECT_TRUE(forgotten);
  client.Schedule([&] { forgotten = false; });
  EXPECT_TRUE(forgotten);
}

}  // namespace
}  // namespace holkas
