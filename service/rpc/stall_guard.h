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
  // What it does to a call, on a thread of its own.
  struct Call {
    // Breaks it off.
    std::function<void()> cancel;
    // Whether it is over, for whatever reason. Null: that is not asked.
    std::function<bool()> cancelled = {};
    // Called when `cancelled` or after `cancel`. Null: nothing is.
    std::function<void()> let_go = {};
  };
  // How often `cancelled` is asked.
  static constexpr absl::Duration kLookInterval = absl::Milliseconds(200);
  // How long after the deadline a call is broken off: callers know of it by themselves, and are
  // told less by a call that breaks.
  static constexpr absl::Duration kGrace = absl::Milliseconds(500);

  // From now on `cancel` is called when Progress was not for `pause`, or soon after `deadline`, and
  // `let_go` when nobody wants the call any more: each at most once.
  // Errors: RESOURCE_EXHAUSTED (LIMIT_EXCEEDED) where there is no thread.
  static absl::StatusOr<std::unique_ptr<StallGuard>> Start(Call call, absl::Duration pause,
                                                           absl::Time deadline);
  // Ends the watch.
  ~StallGuard();

  void Progress();

  // Why the call was broken off: DEADLINE_EXCEEDED. OK where it was not.
  absl::Status status() const;

 private:
  StallGuard(Call call, absl::Duration pause, absl::Time deadline);
  void Run();
  // Why the watch is over: kEnded without a reason to do anything.
  enum class Outcome { kEnded, kCancelled, kTooLong };
  Outcome Watch();

  const Call call_;
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
