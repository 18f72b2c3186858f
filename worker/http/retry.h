#ifndef HOLKAS_WORKER_HTTP_RETRY_H_
#define HOLKAS_WORKER_HTTP_RETRY_H_

#include <functional>
#include <optional>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "worker/http/http_exchange.h"

namespace holkas {

// The one place that says what is tried again, how often, and after how long. The request's
// deadline is not looked at: the service ends the worker when it passes.

// A registry is never asked to wait longer for than this, whatever it says.
inline constexpr absl::Duration kMaxRetryDelay = absl::Seconds(60);

struct RetryPolicy {
  int attempts = 3;
  // Doubles with each attempt, give or take a quarter.
  absl::Duration first_delay = absl::Milliseconds(500);
  // Blocks for the time. Tests put in their own.
  std::function<void(absl::Duration)> sleep = SleepInSandbox;

  // By clock_nanosleep alone, which a confined worker may call.
  static void SleepInSandbox(absl::Duration time);
};

// Whether a request that may be repeated is worth repeating.
bool IsWorthRetrying(HttpFailure failure);
bool IsWorthRetrying(int status);

// Reads Retry-After: seconds or a date. Between 0 and kMaxRetryDelay; nothing where it is malformed
// or lies in the past.
std::optional<absl::Duration> ParseRetryAfter(absl::string_view value, absl::Time now);

// How long to wait after the failed attempt of that number, from 1.
absl::Duration RetryDelay(const RetryPolicy& policy, int attempt);

}  // namespace holkas

#endif  // HOLKAS_WORKER_HTTP_RETRY_H_
