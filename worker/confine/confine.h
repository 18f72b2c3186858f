#ifndef HOLKAS_WORKER_CONFINE_CONFINE_H_
#define HOLKAS_WORKER_CONFINE_CONFINE_H_

#include <linux/filter.h>

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "holkas/v1/image_service.pb.h"
#include "worker/confine/landlock.h"
#include "worker/jobs/job.h"

namespace holkas {

// What a process goes through from its clone to Ready, in this order, each step before the one that
// would forbid it. A step that fails ends the process: no worker is less confined than its tier
// says.
enum class ConfineStep {
  kReseed,         // two workers must not share random numbers (OpenSSL tells forks by pid)
  kIdentity,       // a uid of its own where holkasd is root
  kDieWithZygote,  // killed by the kernel when the zygote ends
  kDescriptors,    // the channel is 3, 0 to 2 are /dev/null, nothing else is open
  kLimits,         // rlimits
  kCapabilities,   // none
  kNoNewPrivileges,
  kLandlock,        // not one right
  kThreads,         // the job's threads: they inherit all of the above
  kNoNewProcesses,  // RLIMIT_NPROC 0
  kSeccomp,         // on all threads at once
  kSelfTest,        // the filter is seen to work
};

// For messages: "landlock".
const char* ConfineStepName(ConfineStep step);

// A test's way to make a step fail; null in what users run.
using FailStep = bool (*)(ConfineStep step);

// What the zygote has ready for its workers.
struct ConfinePlan {
  v1::SandboxTier tier = v1::SANDBOX_TIER_UNSPECIFIED;
  LandlockRights landlock;          // of abi 0 in tier S
  std::vector<sock_filter> filter;  // of SyscallPolicy
  int dev_null = -1;
  int zygote_pidfd = -1;  // readable once the zygote is gone
  FailStep fail = nullptr;
};

// The steps up to kDescriptors, in a new process. Its channel is at kChannelFd afterwards, and the
// zygote's standard error remains open at 2 until Confine closes it. `uid`: 0 to keep the zygote's.
absl::Status DetachFromZygote(const ConfinePlan& plan, int channel, unsigned uid);

// The other steps, for a job that has so many threads to move blobs: the result. Without any it
// writes no file either. Standard error is /dev/null afterwards.
absl::StatusOr<std::unique_ptr<ThreadPool>> Confine(const ConfinePlan& plan, int threads);

}  // namespace holkas

#endif  // HOLKAS_WORKER_CONFINE_CONFINE_H_
