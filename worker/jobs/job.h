#ifndef HOLKAS_WORKER_JOBS_JOB_H_
#define HOLKAS_WORKER_JOBS_JOB_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "broker/broker.pb.h"
#include "worker/broker/broker.h"

namespace holkas {

// Threads that exist before the sandbox closes; after it none can be made.
class ThreadPool {
 public:
  virtual ~ThreadPool() = default;
  // How many tasks can run at once.
  virtual int size() const = 0;
  // Runs `task` on one of the threads. Never blocks.
  virtual void Schedule(std::function<void()> task) = 0;
};

// Describes the job's source. The result is returned, not sent.
absl::StatusOr<v1::InspectResponse> RunInspect(const broker::JobSpec& job, Broker& broker);

// Fetches a token from the job's realm, for another worker. The result is returned, not sent.
absl::StatusOr<broker::TokenResponse> RunFetchToken(const broker::JobSpec& job, Broker& broker);

// Asks the job's registry for its base path.
absl::Status RunCheckCredentials(const broker::JobSpec& job, Broker& broker);

// Gets a blob into the repository of the job's destination, for another worker.
// Errors: NOT_FOUND (BLOB_UNKNOWN) where no repository of the job gives it.
absl::Status RunMountBlob(const broker::JobSpec& job, Broker& broker);

// Copies the job's source to its destination, on the threads of `pool`. Sends events, the result
// among them.
absl::Status RunCopy(const broker::JobSpec& job, Broker& broker, ThreadPool& pool);

// Deletes the job's source. The result is returned, not sent.
absl::StatusOr<v1::DeleteResponse> RunDelete(const broker::JobSpec& job, Broker& broker);

// Sends the tags of the job's source, each part as soon as it is there.
absl::Status RunListTags(const broker::JobSpec& job, Broker& broker);

}  // namespace holkas

#endif  // HOLKAS_WORKER_JOBS_JOB_H_
