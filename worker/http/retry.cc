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

// A registry that is not there is found out within seconds.
constexpr int kFewAttempts = 4;
// Who hangs up on a hello and never answered one more likely speaks no TLS than restarts.
constexpr int kFirstHandshakes = 2;
// Together they take about a minute: a registry that restarts is waited for.
constexpr int kManyAttempts = 8;
// Each may take all of kMaxRetryAfter.
constexpr int kRateLimitedAttempts = 5;

constexpr absl::Duration kFirstResumeDelay = absl::Milliseconds(200);
constexpr absl::Duration kMaxResumeDelay = absl::Seconds(10);

// Between 0 and 1. OpenSSL's generator: others open /dev/urandom.
double Random() {
  uint8_t byte = 128;
  RAND_bytes(&byte, 1);
  return byte / 255.0;
}

absl::Duration Doubled(absl::Duration first, int times, absl::Duration most) {
  for (int i = 0; i < times && first < most; ++i) {
    first *= 2;
  }
  return std::min(first, most);
}

}  // namespace

void RetryPolicy::SleepInSandbox(absl::Duration time) {
  timespec left = absl::ToTimespec(time);
  while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR) {
  }
}

int MaxAttempts(HttpFailure failure, bool proven) {
  switch (failure) {
    case HttpFailure::kConnect:
    case HttpFailure::kReset:
      return proven ? kManyAttempts : kFewAttempts;
    case HttpFailure::kTlsReset:
      return proven ? kManyAttempts : kFirstHandshakes;
    case HttpFailure::kNone:
    case HttpFailure::kDenied:
    case HttpFailure::kTls:
    case HttpFailure::kCertificate:
    case HttpFailure::kStall:  // it took half a minute already
    case HttpFailure::kMalformed:
    case HttpFailure::kHttpVersion:
    case HttpFailure::kLimit:
      break;
  }
  return 1;
}

int MaxAttempts(int status, bool proven) {
  switch (status) {
    case 429:
      return kRateLimitedAttempts;
    case 408:
    case 502:
    case 503:
    case 504:
      return proven ? kManyAttempts : kFewAttempts;
    case 500:  // more often the request's fault than the moment's
      return kFewAttempts;
    default:
      return 1;
  }
}

std::optional<absl::Duration> ParseRetryAfter(absl::string_view value, absl::Time now) {
  value = absl::StripAsciiWhitespace(value);
  if (!value.empty() && std::all_of(value.begin(), value.end(), absl::ascii_isdigit)) {
    int64_t seconds = 0;
    const bool fits = absl::SimpleAtoi(value, &seconds);
    return fits ? std::clamp(absl::Seconds(seconds), kMinRetryAfter, kMaxRetryAfter)
                : kMaxRetryAfter;
  }
  absl::Time date;
  if (!absl::ParseTime("%a, %d %b %Y %H:%M:%S GMT", value, &date, nullptr) || date < now) {
    return std::nullopt;
  }
  return std::clamp(date - now, kMinRetryAfter, kMaxRetryAfter);
}

absl::Duration RetryDelay(const RetryPolicy& policy, int attempt) {
  const double jitter = 0.75 + Random() / 2;
  return Doubled(policy.first_delay, attempt - 1, kMaxRetryDelay) * jitter;
}

bool RetryBudget::Spend(absl::Duration delay) {
  absl::MutexLock lock(&mutex_);
  if (retries_ == kMaxRetries || wait_ + delay > kMaxWait) {
    return false;
  }
  ++retries_;
  wait_ += delay;
  return true;
}

std::optional<absl::Duration> ResumeBudget::Resume(HttpFailure failure, int64_t done_bytes) {
  const int64_t won = std::max<int64_t>((done_bytes - credited_bytes_) / kBytesPerResume, 0);
  credited_bytes_ += won * kBytesPerResume;
  left_ = static_cast<int>(std::min<int64_t>(left_ + won, kMaxResumes));
  fruitless_ = won > 0 ? 0 : fruitless_ + 1;
  stalls_ += failure == HttpFailure::kStall ? 1 : 0;
  if (left_ == 0 || stalls_ > kMaxStalls) {
    return std::nullopt;
  }
  --left_;
  if (won > 0) {
    return absl::ZeroDuration();
  }
  return Doubled(kFirstResumeDelay, fruitless_ - 1, kMaxResumeDelay) * Random();
}

}  // namespace holkas
