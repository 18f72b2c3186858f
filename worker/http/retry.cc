#include "worker/http/retry.h"

#include <openssl/rand.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"

namespace holkas {
namespace {

// Between 0.75 and 1.25. OpenSSL's generator: others open /dev/urandom.
double Jitter() {
  uint8_t byte = 128;
  RAND_bytes(&byte, 1);
  return 0.75 + byte / 510.0;
}

}  // namespace

void RetryPolicy::SleepInSandbox(absl::Duration time) {
  timespec left = absl::ToTimespec(time);
  while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR) {
  }
}

bool IsWorthRetrying(HttpFailure failure) {
  return failure == HttpFailure::kConnect || failure == HttpFailure::kReset;
}

bool IsWorthRetrying(int status) {
  return status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

std::optional<absl::Duration> ParseRetryAfter(absl::string_view value, absl::Time now) {
  value = absl::StripAsciiWhitespace(value);
  if (!value.empty() && std::all_of(value.begin(), value.end(), absl::ascii_isdigit)) {
    int64_t seconds = 0;
    const bool fits = absl::SimpleAtoi(value, &seconds);
    return fits ? std::min(absl::Seconds(seconds), kMaxRetryDelay) : kMaxRetryDelay;
  }
  absl::Time date;
  if (!absl::ParseTime("%a, %d %b %Y %H:%M:%S GMT", value, &date, nullptr) || date < now) {
    return std::nullopt;
  }
  return std::min(date - now, kMaxRetryDelay);
}

absl::Duration RetryDelay(const RetryPolicy& policy, int attempt) {
  absl::Duration delay = policy.first_delay;
  for (int i = 1; i < attempt && delay < kMaxRetryDelay; ++i) {
    delay *= 2;
  }
  return std::min(delay * Jitter(), kMaxRetryDelay);
}

}  // namespace holkas
