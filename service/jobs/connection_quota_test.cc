#include "service/jobs/connection_quota.h"

#include <atomic>
#include <optional>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;
using Shares = ConnectionQuota::Shares;

class ConnectionQuotaTest : public testing::Test {
 protected:
  // Reserves what must be there without waiting.
  ConnectionQuota::Reservation Take(Shares shares) {
    return *quota_.Reserve(std::move(shares), absl::Now() + absl::Seconds(10), nullptr);
  }
  absl::Status TryNow(Shares shares) {
    return quota_.Reserve(std::move(shares), absl::Now(), nullptr).status();
  }

  ConnectionQuota quota_{10};
};

TEST_F(ConnectionQuotaTest, RegistriesAreBoundedOneByOne) {
  const auto first = Take({{"a.test:443", 7}});
  EXPECT_OK(TryNow({{"a.test:443", 3}}));
  EXPECT_THAT(TryNow({{"a.test:443", 4}}),
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("a.test:443")));
  EXPECT_OK(TryNow({{"b.test:443", 10}}));
}

TEST_F(ConnectionQuotaTest, EndOfAReservationGivesItBack) {
  for (int i = 0; i < 100; ++i) {
    const auto all = Take({{"a.test:443", 10}, {"b.test:443", 1}});
    EXPECT_THAT(TryNow({{"a.test:443", 1}}), StatusIs(absl::StatusCode::kDeadlineExceeded));
  }
}

TEST_F(ConnectionQuotaTest, ShareBeyondTheLimitIsTheLimit) {
  EXPECT_OK(TryNow({{"a.test:443", 16}}));
  const auto one = Take({{"a.test:443", 1}});
  EXPECT_THAT(TryNow({{"a.test:443", 16}}), StatusIs(absl::StatusCode::kDeadlineExceeded));
}

TEST_F(ConnectionQuotaTest, NothingIsReservedOfWhatIsNotThereAsAWhole) {
  const auto all_of_b = Take({{"b.test:443", 10}});
  EXPECT_THAT(TryNow({{"a.test:443", 10}, {"b.test:443", 1}}),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_OK(TryNow({{"a.test:443", 10}}));
}

TEST_F(ConnectionQuotaTest, CancelledWaiterLeaves) {
  const auto all = Take({{"a.test:443", 10}});
  std::atomic<bool> cancelled = false;
  std::thread waiter([&] {
    EXPECT_THAT(quota_
                    .Reserve({{"a.test:443", 1}}, absl::InfiniteFuture(),
                             [&cancelled] { return cancelled.load(); })
                    .status(),
                StatusIs(absl::StatusCode::kCancelled));
  });
  cancelled = true;
  waiter.join();
}

TEST_F(ConnectionQuotaTest, LargeShareIsNotOvertakenForEver) {
  std::optional<ConnectionQuota::Reservation> small(Take({{"a.test:443", 1}}));
  absl::Notification large_has_it;
  std::thread large([&] {
    const auto all = quota_.Reserve({{"a.test:443", 10}}, absl::InfiniteFuture(), nullptr);
    EXPECT_OK(all.status());
    large_has_it.Notify();
  });
  // As soon as the large one waits, smaller ones wait behind it.
  while (TryNow({{"a.test:443", 1}}).ok()) {
    std::this_thread::yield();
  }
  EXPECT_FALSE(large_has_it.HasBeenNotified());
  small.reset();
  large.join();
}

TEST_F(ConnectionQuotaTest, JobsInBothDirectionsAllEnd) {
  std::atomic<int> open = 0;
  std::vector<std::thread> jobs;
  for (int i = 0; i < 8; ++i) {
    jobs.emplace_back([&, i] {
      for (int round = 0; round < 50; ++round) {
        const auto both = quota_.Reserve({{"a.test:443", i % 2 == 0 ? 7 : 2}, {"b.test:443", 4}},
                                         absl::InfiniteFuture(), nullptr);
        ASSERT_OK(both.status());
        EXPECT_LE(open += 4, 10);
        open -= 4;
      }
    });
  }
  for (std::thread& job : jobs) {
    job.join();
  }
}

}  // namespace
}  // namespace holkas
