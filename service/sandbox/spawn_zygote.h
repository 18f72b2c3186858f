#ifndef HOLKAS_SERVICE_SANDBOX_SPAWN_ZYGOTE_H_
#define HOLKAS_SERVICE_SANDBOX_SPAWN_ZYGOTE_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "holkas/v1/image_service.pb.h"
#include "proto/wire/unique_fd.h"

namespace holkas {

// A process of the worker's program that was just started as a zygote.
struct SpawnedZygote {
  pid_t pid = -1;
  UniqueFd control;  // the service's end; proto/zygote is spoken over it
  UniqueFd trees;    // that to its keeper, in the storage profile
  UniqueFd log;      // what the zygote, and workers until they are confined, write; non-blocking
};

// What kind of zygote.
struct ZygoteKind {
  v1::SandboxTier tier = v1::SANDBOX_TIER_UNSPECIFIED;
  // The storage profile (worker/zygote/zygote.h).
  bool storage = false;
};

// Executes the worker's program. The zygote dies with the *thread* that calls this.
// Errors: NOT_FOUND where there is no such program; what the system gives.
absl::StatusOr<SpawnedZygote> SpawnZygote(const std::string& worker_path, const ZygoteKind& kind,
                                          const std::vector<std::string>& extra_args);

// `holkas-worker` in the directory of the running program.
absl::StatusOr<std::string> WorkerBesideSelf();

// `full`, `landlock` or `seccomp`: as the worker's program and the configuration name tiers.
const char* TierName(v1::SandboxTier tier);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_SANDBOX_SPAWN_ZYGOTE_H_
