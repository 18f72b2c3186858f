#ifndef HOLKAS_WORKER_JOBS_RETRY_JOB_H_
#define HOLKAS_WORKER_JOBS_RETRY_JOB_H_

#include <functional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "holkas/v1/image.pb.h"
#include "worker/broker/broker.h"

namespace holkas {

// Runs `attempt`, and as often as the caller's policy says again where it ends with UNAVAILABLE.
// Between two attempts it writes a line to holkasd's log, where the job is called `what`, and
// blocks in `sleep`. Result: that of the last attempt.
absl::Status RunWithRetries(
    const v1::RetryPolicy& policy, absl::string_view what, Broker& broker,
    const std::function<absl::Status()>& attempt,
    const std::function<void(absl::Duration)>& sleep = [](absl::Duration time) {
      absl::SleepFor(time);
    });

}  // namespace holkas

#endif  // HOLKAS_WORKER_JOBS_RETRY_JOB_H_
