#ifndef HOLKAS_WORKER_HTTP_RETRY_H_
#define HOLKAS_WORKER_HTTP_RETRY_H_

#include <cstdint>
#include <functional>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "worker/http/http_exchange.h"

namespace holkas {

// The one place that says what is tried again, how often, and after how long. The request's
// deadline is not looked at: the service ends the worker when it passes.

// What a registry may ask for with Retry-After; more and less is taken for these.
inline constexpr absl::Duration kMinRetryAfter = absl::Milliseconds(100);
inline constexpr absl::Duration kMaxRetryAfter = absl::Seconds(60);
// No other delay is longer.
inline constexpr absl::Duration kMaxRetryDelay = absl::Seconds(16);

struct RetryPolicy {
  // Doubles with each attempt, give or take a quarter.
  absl::Duration first_delay = absl::Milliseconds(500);
  // Blocks for the time. Tests put in their own.
  std::function<void(absl::Duration)> sleep = SleepInSandbox;

  // By clock_nanosleep alone, which a confined worker may call.
  static void SleepInSandbox(absl::Duration time);
};

// How often a request that may be repeated is sent at most while it fails so; 1: not again.
// `proven`: the registry has answered this job before, so that it is down for a moment rather than
// not there.
int MaxAttempts(HttpFailure failure, bool proven);
int MaxAttempts(int status, bool proven);

// Reads Retry-After: seconds or a date. Between the two bounds above; nothing where it is malformed
// or lies in the past.
std::optional<absl::Duration> ParseRetryAfter(absl::string_view value, absl::Time now);

// How long to wait after the failed attempt of that number, from 1.
absl::Duration RetryDelay(const RetryPolicy& policy, int attempt);

// What the requests of one job to one registry may spend together on being tried again, however
// many of them there are. Thread-safe.
class RetryBudget {
 public:
  static constexpr int kMaxRetries = 300;
  // Added up, also where several threads wait at once.
  static constexpr absl::Duration kMaxWait = absl::Minutes(15);

  // Takes one more attempt, after `delay`; false where there is none left.
  bool Spend(absl::Duration delay) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  absl::Mutex mutex_;
  int retries_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Duration wait_ ABSL_GUARDED_BY(mutex_);
};

// How often one stream of bytes is taken up again after it broke off. Each time costs one of ten;
// progress wins them back, so that a long stream outlives any number of resets, and one that does
// not move ends soon. Not thread-safe.
class ResumeBudget {
 public:
  static constexpr int kMaxResumes = 10;
  // What wins back one.
  static constexpr int64_t kBytesPerResume = 64 << 10;
  // How often a stream is taken up that stalled. Each time took all of PeerPatience.
  static constexpr int kMaxStalls = 2;

  // The stream broke off with that failure after so many bytes in all. How long to wait before it
  // is taken up again: not at all after progress, else longer each time; nothing: it is given up.
  std::optional<absl::Duration> Resume(HttpFailure failure, int64_t done_bytes);

 private:
  int left_ = kMaxResumes;
  int stalls_ = 0;
  int fruitless_ = 0;  // resumes in a row without progress
  int64_t credited_bytes_ = 0;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_HTTP_RETRY_H_
