#ifndef HOLKAS_WORKER_JOBS_RETRY_JOB_H_
#define HOLKAS_WORKER_JOBS_RETRY_JOB_H_

#include <type_traits>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "holkas/v1/image.pb.h"
#include "holkas/v1/image_service.pb.h"
#include "worker/broker/broker.h"
#include "worker/http/retry.h"

namespace holkas {

// Does a whole job again when its caller asked for that: beyond what single requests are tried
// again (worker/http/retry.h), after longer pauses, with connections and upload sessions of its
// own.

// Whether an error is one after which Skopeo's --retry-times begins again: the network, and what
// gateways answer. Not 500 and not 429.
bool IsWorthRepeating(const absl::Status& status);

// How long to wait after the attempt of that number, from 0: what the caller says, or two to the
// power of it in seconds; with up to a tenth more, so that many callers do not come back at the
// same moment.
absl::Duration DelayOfJob(const v1::RetryPolicy& policy, int attempt);

// Waits after a failed attempt, from 0, having logged that and told `on_retry`; whether there is
// another one.
bool WaitForNextAttempt(absl::string_view job, const v1::RetryPolicy& policy, int attempt,
                        const absl::Status& failure, Broker& broker,
                        absl::FunctionRef<void(const v1::Retrying&)> on_retry,
                        absl::FunctionRef<void(absl::Duration)> sleep);

inline void TellNobody(const v1::Retrying&) {}

// What `attempt`, which returns a Status or a StatusOr, returned last. `job` is for the log.
template <typename Attempt>
std::invoke_result_t<Attempt> RunWithRetries(
    absl::string_view job, const v1::RetryPolicy& policy, Broker& broker, Attempt attempt,
    absl::FunctionRef<void(const v1::Retrying&)> on_retry = TellNobody,
    absl::FunctionRef<void(absl::Duration)> sleep = RetryPolicy::SleepInSandbox) {
  for (int i = 0;; ++i) {
    auto result = attempt();
    absl::Status status;
    if constexpr (std::is_same_v<decltype(result), absl::Status>) {
      status = result;
    } else {
      status = result.status();
    }
    if (status.ok() || !WaitForNextAttempt(job, policy, i, status, broker, on_retry, sleep)) {
      return result;
    }
  }
}

}  // namespace holkas

#endif  // HOLKAS_WORKER_JOBS_RETRY_JOB_H_
