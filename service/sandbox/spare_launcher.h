#ifndef HOLKAS_SERVICE_SANDBOX_SPARE_LAUNCHER_H_
#define HOLKAS_SERVICE_SANDBOX_SPARE_LAUNCHER_H_

#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "proto/wire/unique_fd.h"
#include "service/sandbox/launcher.h"

namespace holkas {

// Has a few workers of another launcher ready before anybody asks, so that a short job does not
// wait for the making of its worker. A spare one is confined already and waits for its job; each
// does one, as every worker. A copy, which takes long, gets a worker made for it. Thread-safe.
class SpareLauncher : public Launcher {
 public:
  // `launcher` outlives this. `spares`: how many are kept ready; 0 for none.
  SpareLauncher(Launcher& launcher, int spares);
  // Kills those that are left.
  ~SpareLauncher() override;

  absl::StatusOr<std::unique_ptr<Worker>> Launch(const WorkerNeeds& needs) override
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<std::vector<UniqueFd>> OpenTrees(const std::vector<Tree>& trees) override {
    return launcher_.OpenTrees(trees);
  }

 private:
  struct Spare {
    std::unique_ptr<Worker> worker;
    bool has_certificate_store;
  };

  void Run() ABSL_LOCKS_EXCLUDED(mutex_);
  // A worker that can do such a job; null where none is ready.
  std::unique_ptr<Worker> Take(const WorkerNeeds& needs) ABSL_LOCKS_EXCLUDED(mutex_);
  // Takes out those of replaced zygotes, which would keep these alive.
  std::deque<Spare> TakeStale() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return stopping_ || ready_.size() < wanted_;
  }

  Launcher& launcher_;
  const size_t wanted_;
  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  // What spares are made with: once a request has needed it, those to come will.
  bool certificate_store_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<Spare> ready_ ABSL_GUARDED_BY(mutex_);  // the oldest first
  std::thread thread_;
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_SANDBOX_SPARE_LAUNCHER_H_
