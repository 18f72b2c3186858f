#include "service/credentials/token_cache.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"
#include "service/broker/cancellation.h"

namespace holkas {
namespace {

class TokenCacheTest : public testing::Test {
 protected:
  // Fetches `text` for `life`, and counts.
  TokenCache::Fetch Fetch(const std::string& text, absl::Duration life) {
    return [this, text, life]() -> absl::StatusOr<TokenCache::Token> {
      ++fetched_;
      return TokenCache::Token{text, absl::Now() + life};
    };
  }

  TokenCache cache_;
  Cancellation cancellation_;
  std::atomic<int> fetched_ = 0;
};

TEST_F(TokenCacheTest, GivesATokenAgainAsLongAsItIsValid) {
  EXPECT_THAT(cache_.Get("k", cancellation_, Fetch("a", absl::Hours(1))), IsOkAndHolds("a"));
  EXPECT_THAT(cache_.Get("k", cancellation_, Fetch("b", absl::Hours(1))), IsOkAndHolds("a"));
  EXPECT_THAT(cache_.Get("other", cancellation_, Fetch("c", -absl::Seconds(1))), IsOkAndHolds("c"));
  EXPECT_THAT(cache_.Get("other", cancellation_, Fetch("d", absl::Hours(1))), IsOkAndHolds("d"));
  EXPECT_EQ(fetched_, 3);
}

TEST_F(TokenCacheTest, ForgetsTheOneThatWasRefusedAndNoOther) {
  EXPECT_OK(cache_.Get("k", cancellation_, Fetch("a", absl::Hours(1))).status());
  cache_.Forget("k", "older");
  EXPECT_THAT(cache_.Get("k", cancellation_, Fetch("b", absl::Hours(1))), IsOkAndHolds("a"));
  cache_.Forget("k", "a");
  EXPECT_THAT(cache_.Get("k", cancellation_, Fetch("b", absl::Hours(1))), IsOkAndHolds("b"));
}

TEST_F(TokenCacheTest, OneFetchesForAll) {
  const TokenCache::Fetch slow = [this]() -> absl::StatusOr<TokenCache::Token> {
    ++fetched_;
    absl::SleepFor(absl::Milliseconds(50));
    return TokenCache::Token{"a", absl::Now() + absl::Hours(1)};
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back(
        [&] { EXPECT_THAT(cache_.Get("k", cancellation_, slow), IsOkAndHolds("a")); });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(fetched_, 1);
}

TEST_F(TokenCacheTest, FailureIsNotKept) {
  EXPECT_THAT(
      cache_.Get("k", cancellation_,
                 []() -> absl::StatusOr<TokenCache::Token> { return absl::UnavailableError("x"); }),
      StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(cache_.Get("k", cancellation_, Fetch("a", absl::Hours(1))), IsOkAndHolds("a"));
}

// What `threads` of them get where every fetch takes a while and fails so.
std::vector<absl::Status> FailTogether(TokenCache& cache, int threads, const absl::Status& failure,
                                       std::atomic<int>& fetched) {
  const TokenCache::Fetch fail = [&]() -> absl::StatusOr<TokenCache::Token> {
    ++fetched;
    absl::SleepFor(absl::Milliseconds(200));
    return failure;
  };
  std::vector<absl::Status> results(threads);
  std::vector<std::thread> running;
  for (absl::Status& result : results) {
    running.emplace_back([&] { result = cache.Get("k", Cancellation(), fail).status(); });
  }
  for (std::thread& thread : running) {
    thread.join();
  }
  return results;
}

TEST_F(TokenCacheTest, RealmThatFailsOneFailsThoseThatWait) {
  for (const absl::Status& failure :
       {absl::UnavailableError("stalls"), absl::UnauthenticatedError("no"),
        absl::PermissionDeniedError("no")}) {
    fetched_ = 0;
    for (const absl::Status& result : FailTogether(cache_, 8, failure, fetched_)) {
      EXPECT_EQ(result, failure);
    }
    EXPECT_LT(fetched_, 3);  // one, but for a thread that came late
  }
}

TEST_F(TokenCacheTest, JobThatGivesUpLeavesTheFetchingToTheNext) {
  for (const absl::Status& failure :
       {absl::CancelledError("gone"), absl::DeadlineExceededError("late")}) {
    fetched_ = 0;
    FailTogether(cache_, 4, failure, fetched_);
    EXPECT_EQ(fetched_, 4);
  }
}

TEST_F(TokenCacheTest, WhoWaitsCanBeCancelled) {
  std::atomic<bool> fetching = false;
  std::atomic<bool> go_on = false;
  std::thread other([&] {
    EXPECT_OK(cache_
                  .Get("k", Cancellation(),
                       [&]() -> absl::StatusOr<TokenCache::Token> {
                         fetching = true;
                         while (!go_on) {
                           absl::SleepFor(absl::Milliseconds(1));
                         }
                         return TokenCache::Token{"a", absl::Now() + absl::Hours(1)};
                       })
                  .status());
  });
  while (!fetching) {
    absl::SleepFor(absl::Milliseconds(1));
  }
  cancellation_.Cancel();
  EXPECT_THAT(cache_.Get("k", cancellation_, Fetch("b", absl::Hours(1))),
              StatusIs(absl::StatusCode::kCancelled));
  go_on = true;
  other.join();
  EXPECT_EQ(fetched_, 0);
}

TEST_F(TokenCacheTest, IsBounded) {
  for (size_t i = 0; i < TokenCache::kMaxTokens + 10; ++i) {
    EXPECT_OK(cache_
                  .Get(absl::StrCat(i), cancellation_,
                       Fetch("t", absl::Hours(1) + absl::Seconds(static_cast<int64_t>(i))))
                  .status());
  }
  EXPECT_EQ(cache_.size(), TokenCache::kMaxTokens);
  // The first to expire had to go.
  const int before = fetched_;
  EXPECT_OK(cache_.Get("10", cancellation_, Fetch("t", absl::Hours(1))).status());
  EXPECT_EQ(fetched_, before);
  EXPECT_OK(cache_.Get("9", cancellation_, Fetch("t", absl::Hours(1))).status());
  EXPECT_EQ(fetched_, before + 1);
}

}  // namespace
}  // namespace holkas
