#ifndef HOLKAS_SERVICE_SANDBOX_ZYGOTE_LAUNCHER_H_
#define HOLKAS_SERVICE_SANDBOX_ZYGOTE_LAUNCHER_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "holkas/v1/image_service.pb.h"
#include "proto/wire/unique_fd.h"
#include "service/sandbox/launcher.h"

namespace holkas {

class ZygoteSupervisor;

// Starts workers from a zygote that it keeps: the first one is started and tried out by Start; a
// new one takes its place after 10,000 workers, after a worker's end that is suspect (a signal that
// holkasd did not send, any exit code but 0, Distrust), and when it dies. Workers of a replaced
// zygote run on until they are done. When the process that has the launcher dies, zygotes and
// workers are killed by the kernel.
class ZygoteLauncher : public Launcher {
 public:
  struct Options {
    // Empty: `holkas-worker` beside the running program.
    std::string worker_path;
    // Less than this is refused. Unspecified: whatever there is.
    v1::SandboxTier required_tier = v1::SANDBOX_TIER_UNSPECIFIED;
    // More than this is not tried; for tests.
    v1::SandboxTier best_tier = v1::SANDBOX_TIER_FULL;
    int workers_per_zygote = 10000;
    // Gets what zygotes, and workers that could not be confined, have to say, line by line, on a
    // thread of the launcher's. Null: standard error.
    std::function<void(absl::string_view line)> log;
    // Behind `--zygote TIER`; for tests.
    std::vector<std::string> extra_args;
  };

  // Takes the best tier in which a worker can be confined here.
  // Errors: NOT_FOUND where there is no worker program; FAILED_PRECONDITION (SANDBOX_FAILED) where
  // no tier works that is at least the required one, with what each said.
  static absl::StatusOr<std::unique_ptr<ZygoteLauncher>> Start(Options options);

  // Kills what still runs. Every Worker must have been destroyed.
  ~ZygoteLauncher() override;

  absl::StatusOr<std::unique_ptr<Worker>> Launch(const WorkerNeeds& needs) override;
  // The first one starts the zygote of the storage profile.
  absl::StatusOr<std::vector<UniqueFd>> OpenTrees(const std::vector<Tree>& trees) override
      ABSL_LOCKS_EXCLUDED(storage_mutex_);

  // How workers are confined.
  v1::SandboxTier tier() const;
  // The Landlock ABI in use; 0 for none.
  int landlock_abi() const;
  // The process id of the zygote (in tier F of its keeper) that makes workers now; -1 between two.
  int zygote_pid() const;

 private:
  ZygoteLauncher(const Options& options, v1::SandboxTier tier);

  absl::Status TryOut();
  // The supervisor of the storage profile, whose zygote serves.
  // Errors: as OpenTrees.
  absl::StatusOr<std::shared_ptr<ZygoteSupervisor>> Storage() ABSL_LOCKS_EXCLUDED(storage_mutex_);

  const Options options_;
  std::unique_ptr<ZygoteSupervisor> supervisor_;
  absl::Mutex storage_mutex_;
  std::shared_ptr<ZygoteSupervisor> storage_ ABSL_GUARDED_BY(storage_mutex_);
  v1::SandboxTier tier_;
  int landlock_abi_ = 0;
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_SANDBOX_ZYGOTE_LAUNCHER_H_
