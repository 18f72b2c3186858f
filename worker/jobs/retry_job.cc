#include "worker/jobs/retry_job.h"

#include <sys/random.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "absl/strings/str_cat.h"

namespace holkas {
namespace {

// No wait between two attempts is longer than this, whatever the request says.
constexpr double kMaxRetryDelaySeconds = 3600;

// Two to the power of the attempt, or what the caller wants; with up to a tenth more, so that many
// callers do not come back at the same moment.
absl::Duration RetryDelay(const v1::RetryPolicy& policy, int attempt) {
  const double base = policy.delay_seconds() > 0 ? policy.delay_seconds() : std::exp2(attempt);
  uint32_t random = 0;
  if (getrandom(&random, sizeof(random), 0) != sizeof(random)) {
    random = 0;  // no jitter then
  }
  const double jitter = random % 1000 / 10'000.0;
  return absl::Seconds(std::min(base, kMaxRetryDelaySeconds) * (1 + jitter));
}

}  // namespace

absl::Status RunWithRetries(const v1::RetryPolicy& policy, absl::string_view what, Broker& broker,
                            const std::function<absl::Status()>& attempt,
                            const std::function<void(absl::Duration)>& sleep) {
  for (int number = 0;; ++number) {
    const absl::Status status = attempt();
    if (!absl::IsUnavailable(status) || number >= policy.max_retries()) {
      return status;
    }
    const absl::Duration delay = RetryDelay(policy, number);
    broker.Log(1, absl::StrCat(what, " failed, retrying in ", absl::FormatDuration(delay), " (",
                               number + 1, "/", policy.max_retries(), "): ", status.message()));
    sleep(delay);
  }
}

}  // namespace holkas
