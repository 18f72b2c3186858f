#ifndef HOLKAS_SERVICE_RPC_STALL_GUARD_H_
#define HOLKAS_SERVICE_RPC_STALL_GUARD_H_

#include <functional>
#include <memory>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace holkas {

// Breaks a call off whose caller neither sends nor takes anything for too long, or that takes too
// long: gRPC's reads and writes block for as long as the caller likes. Thread-safe.
class StallGuard {
 public:
  // From now on `cancel` is called, once and on a thread of the guard's own, when Progress was not
  // for `pause`, or at `deadline`.
  // Errors: RESOURCE_EXHAUSTED (LIMIT_EXCEEDED) where there is no thread.
  static absl::StatusOr<std::unique_ptr<StallGuard>> Start(std::function<void()> cancel,
                                                           absl::Duration pause,
                                                           absl::Time deadline);
  // Ends the watch.
  ~StallGuard();

  void Progress();

  // Why the call was broken off: DEADLINE_EXCEEDED. OK where it was not.
  absl::Status status() const;

 private:
  StallGuard(std::function<void()> cancel, absl::Duration pause, absl::Time deadline);
  void Watch();

  const std::function<void()> cancel_;
  const absl::Duration pause_;
  const absl::Time deadline_;
  mutable absl::Mutex mutex_;
  absl::Time last_ ABSL_GUARDED_BY(mutex_);
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_RPC_STALL_GUARD_H_
