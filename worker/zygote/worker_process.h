#ifndef HOLKAS_WORKER_ZYGOTE_WORKER_PROCESS_H_
#define HOLKAS_WORKER_ZYGOTE_WORKER_PROCESS_H_

#include "worker/confine/confine.h"
#include "worker/run_job.h"

namespace holkas {

// The exit code of a worker that could not be confined.
inline constexpr int kExitSandboxFailed = 71;

// The life of a worker, from its clone to its end: leaves the zygote's descriptors behind, confines
// itself, says Ready, takes the JobSpec from the channel, runs the job.
[[noreturn]] void RunWorkerProcess(const ConfinePlan& plan, const JobTable& jobs,
                                   const WorkerStart& start);

}  // namespace holkas

#endif  // HOLKAS_WORKER_ZYGOTE_WORKER_PROCESS_H_
