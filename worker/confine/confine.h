#ifndef HOLKAS_WORKER_CONFINE_CONFINE_H_
#define HOLKAS_WORKER_CONFINE_CONFINE_H_

#include <linux/filter.h>

#include <algorithm>
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
  kDescriptors,    // the channel is 3, 0 to 2 are /dev/null, nothing else is open; in the storage
                   // profile the store's directories are, until kLandlock closes them
  kLimits,         // rlimits
  kCapabilities,   // none; in the storage profile those of storage_profile.h
  kNoNewPrivileges,
  kLandlock,        // not one right; in the storage profile, but in the store's directories
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
  // The storage profile: worker/confine/storage_profile.h.
  bool storage = false;
  LandlockRights landlock;          // of abi 0 in tier S
  std::vector<sock_filter> filter;  // of SyscallPolicy
  // In the storage profile, that of workers which write to no store; `filter` is the others'.
  std::vector<sock_filter> reader_filter;
  int dev_null = -1;
  int zygote_pidfd = -1;  // readable once the zygote is gone
  FailStep fail = nullptr;
};

// A directory that a worker of the storage profile has rights in.
struct WorkerDirectory {
  int fd = -1;
  bool writable = false;
};

// What a worker is begun with.
struct WorkerStart {
  int channel = -1;
  // The stores' directories, in the storage profile alone.
  std::vector<WorkerDirectory> directories;
  // 0 to keep the zygote's. In the storage profile files are made as root of the user namespace all
  // the same.
  unsigned uid = 0;
  // To move blobs. Without any the worker writes no file either, unless it has directories.
  int threads = 0;

  bool writes_store() const {
    return std::any_of(directories.begin(), directories.end(),
                       [](const WorkerDirectory& directory) { return directory.writable; });
  }
};

// The steps up to kDescriptors, in a new process. Its channel is at kChannelFd afterwards, the
// directories are behind it, and the zygote's standard error remains open at 2 until Confine closes
// it.
absl::Status DetachFromZygote(const ConfinePlan& plan, const WorkerStart& start);

// The other steps: the job's threads. Standard error is /dev/null afterwards.
absl::StatusOr<std::unique_ptr<ThreadPool>> Confine(const ConfinePlan& plan,
                                                    const WorkerStart& start);

}  // namespace holkas

#endif  // HOLKAS_WORKER_CONFINE_CONFINE_H_
