#ifndef HOLKAS_SERVICE_SANDBOX_ZYGOTE_SUPERVISOR_H_
#define HOLKAS_SERVICE_SANDBOX_ZYGOTE_SUPERVISOR_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "holkas/v1/image_service.pb.h"
#include "proto/wire/frame_channel.h"
#include "proto/wire/unique_fd.h"
#include "service/sandbox/launcher.h"
#include "service/sandbox/spawn_zygote.h"
#include "service/sandbox/worker_record.h"
#include "zygote/zygote.pb.h"

namespace holkas {

// Keeps one zygote of one kind serving: its thread starts zygotes (they die with the thread that
// starts them), hears what they tell of their workers, replaces and buries them. ZygoteLauncher's
// engine. Thread-safe.
class ZygoteSupervisor {
 public:
  struct Options {
    std::string worker_path;
    ZygoteKind kind;
    std::vector<std::string> extra_args;
    int workers_per_zygote = 0;
    std::function<void(absl::string_view line)> log;
  };

  explicit ZygoteSupervisor(Options options);
  ~ZygoteSupervisor();

  // Waits until a zygote serves, or one could not be set up.
  absl::Status AwaitServing(absl::Time deadline);

  // Makes a worker that has `channel`, which remains the caller's.
  // Errors: UNAVAILABLE; RESOURCE_EXHAUSTED where every slot is taken.
  absl::StatusOr<std::shared_ptr<WorkerRecord>> Launch(const WorkerNeeds& needs, int channel,
                                                       absl::Time deadline);

  // In the storage profile: has the keeper of the zygote that serves open directories.
  // Errors: UNAVAILABLE; INTERNAL, with what the keeper says.
  absl::StatusOr<std::vector<UniqueFd>> OpenTrees(const std::vector<Tree>& trees,
                                                  absl::Time deadline);

  // The zygote of this worker makes no more.
  void Distrust(const WorkerRecord& worker);

  // Whether the worker runs, of the zygote that serves now.
  bool Trusts(const WorkerRecord& worker) const;

  // -1 where none serves.
  int zygote_pid() const;

 private:
  struct Zygote;

  absl::StatusOr<std::vector<UniqueFd>> OpenTreesOnce(const std::vector<Tree>& trees,
                                                      absl::Time deadline);
  void Run();
  void StartZygote();
  bool Wait();
  void HearFrom(const std::shared_ptr<Zygote>& zygote);
  void Handle(Zygote& zygote, const zygote::ZygoteEvent& event, std::vector<UniqueFd> fds);
  void HandleExit(Zygote& zygote, const zygote::Exited& exited);
  void ReadLog(Zygote& zygote);
  void Retire(Zygote& zygote) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Bury(Zygote& zygote);
  void BuryTheDoneAndDead();
  std::shared_ptr<WorkerRecord> Take(Zygote& zygote, uint64_t launch_id);
  void Wake();
  bool ServesOrFailed() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return current_ != nullptr || !failure_.ok();
  }
  bool Serves() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return current_ != nullptr; }

  const Options options_;
  const UniqueFd wake_;
  std::vector<std::shared_ptr<Zygote>> zygotes_;  // of the thread alone
  absl::Time next_start_ = absl::InfinitePast();  // of the thread alone
  absl::Duration backoff_;                        // of the thread alone

  mutable absl::Mutex mutex_;
  // Makes the workers; null between two. Shared with calls of Launch that send to it.
  std::shared_ptr<Zygote> current_ ABSL_GUARDED_BY(mutex_);
  bool starting_ ABSL_GUARDED_BY(mutex_) = false;
  bool replace_ ABSL_GUARDED_BY(mutex_) = true;  // a new zygote is wanted
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);  // why the last start failed
  uint64_t last_launch_id_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<uint32_t> free_slots_ ABSL_GUARDED_BY(mutex_);

  std::thread thread_;  // the last member: it uses all others
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_SANDBOX_ZYGOTE_SUPERVISOR_H_
