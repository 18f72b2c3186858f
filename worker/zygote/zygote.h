#ifndef HOLKAS_WORKER_ZYGOTE_ZYGOTE_H_
#define HOLKAS_WORKER_ZYGOTE_ZYGOTE_H_

#include <string>

#include "holkas/v1/image_service.pb.h"
#include "worker/confine/confine.h"
#include "worker/run_job.h"

namespace holkas {

// The number of the zygote's socket to holkasd (proto/zygote), and in the storage profile that of
// its keeper.
inline constexpr int kControlFd = 3;
inline constexpr int kTreesFd = 4;

struct ZygoteOptions {
  v1::SandboxTier tier = v1::SANDBOX_TIER_UNSPECIFIED;
  // The storage profile (worker/confine/storage_profile.h), which tier F alone has.
  bool storage = false;
  std::string user_name;  // of who runs holkasd; for the storage profile
  JobTable jobs;
  FailStep fail = nullptr;  // tests alone
};

// The zygote, the process that makes workers by cloning itself. holkasd executes it with an empty
// environment and its end of a socket at kControlFd; it has one thread, never reads what comes from
// an image or a registry, and holds no secret. It has libraries loaded and namespaces entered, so
// that a worker costs one clone. Ends when holkasd does; its workers end with it.
//
// In tier F two processes make it: a keeper that enters the namespaces, and the zygote proper,
// which is the first process of a PID namespace (the kernel kills all workers with it). Returns the
// exit code.
//
// The zygote of the storage profile is another one, which holkasd starts when a job first needs it.
// Its user namespace has the ids of storage_ids.h. Its keeper keeps the host's mounts, to open
// stores for holkasd (tree_keeper.h); the zygote and its workers have an empty root as all.
int RunZygote(const ZygoteOptions& options);

// `--zygote full|landlock|seccomp [--storage USER_NAME]`: the options without jobs; what is behind
// it is left alone. The tier is SANDBOX_TIER_UNSPECIFIED for anything else.
ZygoteOptions ParseZygoteArguments(int argc, char** argv);

}  // namespace holkas

#endif  // HOLKAS_WORKER_ZYGOTE_ZYGOTE_H_
