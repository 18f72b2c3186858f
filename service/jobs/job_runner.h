#ifndef HOLKAS_SERVICE_JOBS_JOB_RUNNER_H_
#define HOLKAS_SERVICE_JOBS_JOB_RUNNER_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "broker/broker.pb.h"
#include "service/policy/grants.h"
#include "service/sandbox/launcher.h"

namespace holkas {

// Runs one job from admission to the end of its worker: admits it, launches a worker, serves it,
// and gives one status. Thread-safe.
class JobRunner {
 public:
  struct Call {
    broker::JobSpec job;
    Grants grants;
    absl::Time deadline = absl::InfiniteFuture();
    std::function<bool()> cancelled;
    std::function<void(v1::CopyResponse event)> on_event;
  };

  // `max_concurrent`: how many jobs run at once; more wait until their deadline, up to `max_queued`
  // of them, then RESOURCE_EXHAUSTED (LIMIT_EXCEEDED).
  JobRunner(Launcher& launcher, int max_concurrent, int max_queued);
  ~JobRunner();

  // The serialised response of the job (empty for Copy).
  absl::StatusOr<std::string> Run(Call call);

  // How many jobs run now.
  int running() const;

  // From now on every new job is refused with UNAVAILABLE (SERVER_DRAINING).
  void Drain();
  // Waits until no job runs.
  bool WaitUntilIdle(absl::Time deadline);

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_JOBS_JOB_RUNNER_H_
