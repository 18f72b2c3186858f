#ifndef HOLKAS_WORKER_ZYGOTE_WORKER_PROCESS_H_
#define HOLKAS_WORKER_ZYGOTE_WORKER_PROCESS_H_

#include "worker/confine/confine.h"
#include "worker/run_job.h"

namespace holkas {

// The exit code of a worker that could not be confined.
inline constexpr int kExitSandboxFailed = 71;

// The life of a worker, from its clone to its end: leaves the zygote's descriptors behind, confines
// itself for a job that has so many threads, says Ready, takes the JobSpec from `channel`, runs the
// job. `uid`: 0 to keep the zygote's.
[[noreturn]] void RunWorkerProcess(const ConfinePlan& plan, const JobTable& jobs, int channel,
                                   unsigned uid, int threads);

}  // namespace holkas

#endif  // HOLKAS_WORKER_ZYGOTE_WORKER_PROCESS_H_
