#include "worker/jobs/retry_job.h"

#include <openssl/rand.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/proto_duration.h"

namespace holkas {
namespace {

// No wait between two attempts is longer than this, whatever the request says.
constexpr double kMaxDelaySeconds = 3600;

}  // namespace

bool IsWorthRepeating(const absl::Status& status) {
  if (!absl::IsUnavailable(status)) {
    return false;
  }
  const std::map<std::string, std::string> metadata = ErrorMetadata(status);
  const auto http_status = metadata.find("http_status");
  return http_status == metadata.end() || http_status->second == "502" ||
         http_status->second == "503" || http_status->second == "504";
}

absl::Duration DelayOfJob(const v1::RetryPolicy& policy, int attempt) {
  const double base = policy.delay_seconds() > 0 ? policy.delay_seconds() : std::exp2(attempt);
  uint8_t random = 0;
  RAND_bytes(&random, 1);  // no jitter where it fails
  return absl::Seconds(std::min(base, kMaxDelaySeconds) * (1 + random / 2550.0));
}

bool WaitForNextAttempt(absl::string_view job, const v1::RetryPolicy& policy, int attempt,
                        const absl::Status& failure, Broker& broker,
                        absl::FunctionRef<void(const v1::Retrying&)> on_retry,
                        absl::FunctionRef<void(absl::Duration)> sleep) {
  if (attempt >= policy.max_retries() || !IsWorthRepeating(failure)) {
    return false;
  }
  const absl::Duration delay = DelayOfJob(policy, attempt);
  broker.Log(1, absl::StrCat(job, " failed, retrying in ", absl::FormatDuration(delay), " (",
                             attempt + 1, "/", policy.max_retries(), "): ", failure.message()));
  v1::Retrying retrying;
  retrying.set_attempt(attempt + 1);
  retrying.set_max_retries(policy.max_retries());
  SetDuration(delay, *retrying.mutable_delay());
  retrying.set_error(std::string(failure.message()));
  on_retry(retrying);
  sleep(delay);
  return true;
}

}  // namespace holkas
