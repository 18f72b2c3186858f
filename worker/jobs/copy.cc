#include <sys/random.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "broker/broker.pb.h"
#include "proto/wire/status_macros.h"
#include "worker/broker/broker.h"
#include "worker/jobs/copy_image.h"
#include "worker/jobs/job.h"
#include "worker/transports/transport.h"

namespace holkas {
namespace {

// No wait between two attempts is longer than this, whatever the request says.
constexpr double kMaxRetryDelaySeconds = 3600;

absl::Status CopyOnce(const broker::JobSpec& job, Broker& broker, ThreadPool& pool) {
  const TransportContext context{broker, job};
  ASSIGN_OR_RETURN(const Transport* from_transport, FindTransport(job.source()));
  ASSIGN_OR_RETURN(const Transport* to_transport, FindTransport(job.destination()));
  ASSIGN_OR_RETURN(const std::unique_ptr<ImageSource> from,
                   from_transport->open_source(context, job.source()));
  ASSIGN_OR_RETURN(const std::unique_ptr<ImageDestination> to,
                   to_transport->open_destination(context, job.destination()));
  return CopyImage(*from, *to, job.copy(), job.platform(), broker, pool);
}

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

absl::Status RunCopy(const broker::JobSpec& job, Broker& broker, ThreadPool& pool) {
  const v1::RetryPolicy& policy = job.copy().retry();
  for (int attempt = 0;; ++attempt) {
    const absl::Status status = CopyOnce(job, broker, pool);
    if (!absl::IsUnavailable(status) || attempt >= policy.max_retries()) {
      return status;
    }
    const absl::Duration delay = RetryDelay(policy, attempt);
    broker.Log(1, absl::StrCat("copy failed, retrying in ", absl::FormatDuration(delay), " (",
                               attempt + 1, "/", policy.max_retries(), "): ", status.message()));
    absl::SleepFor(delay);
  }
}

}  // namespace holkas
