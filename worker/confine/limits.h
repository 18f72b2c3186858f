#ifndef HOLKAS_WORKER_CONFINE_LIMITS_H_
#define HOLKAS_WORKER_CONFINE_LIMITS_H_

#include "absl/status/status.h"
#include "broker/broker.pb.h"

namespace holkas {

// Sets the resource limits of a job: no core, no locked memory, no queues; few descriptors, and
// memory, CPU time and size of files as its kind needs. All but the number of processes, which
// ForbidNewProcesses sets once the job's threads exist.
absl::Status LimitResources(const broker::JobSpec& job);

// From here on no process and no thread can be made.
absl::Status ForbidNewProcesses();

}  // namespace holkas

#endif  // HOLKAS_WORKER_CONFINE_LIMITS_H_
