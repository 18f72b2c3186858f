#ifndef HOLKAS_WORKER_CONFINE_LIMITS_H_
#define HOLKAS_WORKER_CONFINE_LIMITS_H_

#include "absl/status/status.h"

namespace holkas {

// What kind of job limits are for.
enum class Workload {
  kOneImage,  // copies nothing and writes no file
  kCopy,
  kStorage,  // has a store
};

// Sets the resource limits of a job: no core, no locked memory, no queues; few descriptors, and
// memory, CPU time and size of files as such a job needs. All but the number of processes, which
// ForbidNewProcesses sets once the job's threads exist.
absl::Status LimitResources(Workload workload);

// From here on no process and no thread can be made.
absl::Status ForbidNewProcesses();

}  // namespace holkas

#endif  // HOLKAS_WORKER_CONFINE_LIMITS_H_
