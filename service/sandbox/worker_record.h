#ifndef HOLKAS_SERVICE_SANDBOX_WORKER_RECORD_H_
#define HOLKAS_SERVICE_SANDBOX_WORKER_RECORD_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "proto/wire/unique_fd.h"
#include "service/sandbox/launcher.h"

namespace holkas {

// What is known of one worker's process. Shared by the supervisor's thread, which learns it from
// the zygote, and the Worker's owner, who waits for it. Thread-safe.
class WorkerRecord {
 public:
  WorkerRecord(uint64_t launch_id, uint32_t slot) : launch_id_(launch_id), slot_(slot) {}

  uint64_t launch_id() const { return launch_id_; }
  // Its place in the pool of user ids.
  uint32_t slot() const { return slot_; }

  // The process was made; `pidfd` names it.
  void SetLaunched(UniqueFd pidfd);
  // It was not.
  void SetLaunchFailed(absl::string_view why);
  // The process is gone, as its zygote saw it. The result is what this means: an end by Kill is
  // kKilled.
  WorkerExit SetEnded(WorkerExit::How how, int code);
  // The zygote is gone, and with it whoever could tell the end: kills the process, waits for the
  // kernel to have done it.
  void SetZygoteDied();

  // Waits until the process was made.
  // Errors: UNAVAILABLE where it was not; DEADLINE_EXCEEDED.
  absl::Status AwaitLaunched(absl::Time deadline);
  void Kill();
  // Errors: DEADLINE_EXCEEDED.
  absl::StatusOr<WorkerExit> AwaitEnd(absl::Time deadline);
  // Asked for while the process was there; -1 else.
  int pid() const;

 private:
  bool LaunchIsDecided() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return pidfd_.valid() || launch_error_.has_value() || end_.has_value();
  }
  bool HasEnded() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return end_.has_value(); }

  const uint64_t launch_id_;
  const uint32_t slot_;
  mutable absl::Mutex mutex_;
  UniqueFd pidfd_ ABSL_GUARDED_BY(mutex_);
  mutable int pid_ ABSL_GUARDED_BY(mutex_) =
      -1;  // not needed for every worker: read when asked for
  std::optional<std::string> launch_error_ ABSL_GUARDED_BY(mutex_);
  std::optional<WorkerExit> end_ ABSL_GUARDED_BY(mutex_);
  bool kill_sent_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_SANDBOX_WORKER_RECORD_H_
