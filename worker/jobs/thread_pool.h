#ifndef HOLKAS_WORKER_JOBS_THREAD_POOL_H_
#define HOLKAS_WORKER_JOBS_THREAD_POOL_H_

#include <memory>

#include "absl/status/statusor.h"
#include "worker/jobs/job.h"

namespace holkas {

// A job never has more threads than this.
inline constexpr int kMaxThreads = 16;

// Makes `size` threads (0 to kMaxThreads) that run tasks in the order of Schedule. When this
// returns, every one of them has made the system calls with which a thread begins and waits for
// work, so that a seccomp filter may close. Destroying the pool runs what is scheduled and ends the
// threads. Errors: INVALID_ARGUMENT; UNAVAILABLE or RESOURCE_EXHAUSTED where no thread can be made.
absl::StatusOr<std::unique_ptr<ThreadPool>> NewThreadPool(int size);

}  // namespace holkas

#endif  // HOLKAS_WORKER_JOBS_THREAD_POOL_H_
