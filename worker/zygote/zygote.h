#ifndef HOLKAS_WORKER_ZYGOTE_ZYGOTE_H_
#define HOLKAS_WORKER_ZYGOTE_ZYGOTE_H_

#include "holkas/v1/image_service.pb.h"
#include "worker/confine/confine.h"
#include "worker/run_job.h"

namespace holkas {

// The number of the zygote's socket to holkasd (proto/zygote).
inline constexpr int kControlFd = 3;

struct ZygoteOptions {
  v1::SandboxTier tier = v1::SANDBOX_TIER_UNSPECIFIED;
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
int RunZygote(const ZygoteOptions& options);

// `full`, `landlock` or `seccomp`; SANDBOX_TIER_UNSPECIFIED for anything else.
v1::SandboxTier ParseTier(const char* name);

}  // namespace holkas

#endif  // HOLKAS_WORKER_ZYGOTE_ZYGOTE_H_
