#ifndef HOLKAS_SERVICE_JOBS_JOB_RUNNER_H_
#define HOLKAS_SERVICE_JOBS_JOB_RUNNER_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "broker/broker.pb.h"
#include "service/blobs/blob_info_cache.h"
#include "service/broker/egress.h"
#include "service/credentials/authorizer.h"
#include "service/credentials/job_identity.h"
#include "service/policy/grants.h"
#include "service/sandbox/launcher.h"
#include "service/telemetry/logger.h"

namespace holkas {

// Runs one job from admission to the end of its worker: admits it, launches a worker, serves it,
// and gives one status. Thread-safe.
class JobRunner {
 public:
  struct Call {
    // For the log: the request's number, the rpc, the caller, and the images' canonical names.
    uint64_t number = 0;
    std::string rpc;
    std::string caller;
    // Whose request it is, for its share of the server.
    std::string caller_identity;
    std::string source;
    std::string destination;
    // Whose memory of blobs it is; none for callers of whom nothing is remembered.
    std::optional<uid_t> user;

    broker::JobSpec job;
    // Who the worker is at the job's registries.
    JobIdentity identity;
    Grants grants;
    // The worker will verify the certificate of a registry.
    bool needs_certificate_store = false;
    absl::Time deadline = absl::InfiniteFuture();
    std::function<bool()> cancelled;
    std::function<void(v1::CopyResponse event)> on_event;
    // As in BrokerSession::Options.
    std::function<void(v1::ListTagsResponse tags)> on_tags;
    std::function<bool()> reader_is_behind;
  };

  struct Limits {
    // How many jobs run at once; more wait in the order of their arrival, up to `queued` of them.
    int concurrent = 64;
    int queued = 128;
    // How many of both may be one caller's.
    int per_caller = 192;
    // How many connections all jobs together have to one registry; who wants more waits.
    int connections_per_registry = 32;
  };

  // What is referred to must outlive the runner. `blobs`: null where nothing is remembered.
  JobRunner(Launcher& launcher, Logger& logger, AuthorizationResources& authorization,
            const Limits& limits, const Egress& egress = {}, BlobInfoCache* blobs = nullptr);
  ~JobRunner();

  // The serialised response of the job (empty for Copy and ListTags). Blocks until the job is over
  // and its worker is gone. Errors: what the job gave; RESOURCE_EXHAUSTED (LIMIT_EXCEEDED) where
  // the queue is full, or the caller has too many; UNAVAILABLE (SERVER_DRAINING); DEADLINE_EXCEEDED
  // and CANCELLED, also while waiting; INTERNAL (WORKER_DIED) with how the worker ended in the
  // metadata entry `worker_exit`.
  absl::StatusOr<std::string> Run(Call call);

  // How many jobs run now.
  int running() const;

  // From now on every job that does not run yet is refused with UNAVAILABLE (SERVER_DRAINING).
  void Drain();
  // Drain, and cancels the jobs that run: they end with the same error.
  void CancelAll();
  // Whether a job that comes now is not refused for that.
  absl::Status CheckOpen() const;
  // The same for one that runs: whether CancelAll was not called.
  absl::Status CheckNotCancelled() const;
  // Waits until no job runs. False where some still do at `deadline`.
  bool WaitUntilIdle(absl::Time deadline);

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_JOBS_JOB_RUNNER_H_
