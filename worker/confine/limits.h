#ifndef HOLKAS_WORKER_CONFINE_LIMITS_H_
#define HOLKAS_WORKER_CONFINE_LIMITS_H_

#include "absl/status/status.h"

namespace holkas {

// Sets the resource limits of a job: no core, no locked memory, no queues; few descriptors, and
// memory, CPU time and size of files as a job needs that copies an image, or one that does not. All
// but the number of processes, which ForbidNewProcesses sets once the job's threads exist.
absl::Status LimitResources(bool copies);

// From here on no process and no thread can be made.
absl::Status ForbidNewProcesses();

}  // namespace holkas

#endif  // HOLKAS_WORKER_CONFINE_LIMITS_H_
