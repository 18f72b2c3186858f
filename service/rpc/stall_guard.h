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

// Breaks a call off whose caller neither sends nor takes anything for too long, that takes too
// long, or that may not go on: gRPC's reads and writes block for as long as the caller likes.
// Thread-safe.
class StallGuard {
 public:
  // What it does to a call, on a thread of its own.
  struct Call {
    // Breaks it off (RequestContext::cancel).
    std::function<void(const absl::Status& why)> cancel;
    // Whether it is over, for whatever reason. Null: that is not asked.
    std::function<bool()> cancelled = {};
    // OK while it may go on, and else why it may not. Null: that is not asked.
    std::function<absl::Status()> check = {};
    // Called when `cancelled` or after `cancel`. Null: nothing is.
    std::function<void()> let_go = {};
  };
  // How often `cancelled` and `check` are asked.
  static constexpr absl::Duration kLookInterval = absl::Milliseconds(200);
  // How long after the deadline, or after `check` gave an error, a call is broken off: callers know
  // of the deadline by themselves, a call that does not block ends by itself with status(), and
  // both are told more than by a call that breaks.
  static constexpr absl::Duration kGrace = absl::Milliseconds(500);

  // From now on `cancel` is called when Progress was not for `pause`, or soon after `deadline` or
  // an error of `check`, and `let_go` when nobody wants the call any more: each at most once.
  // Errors: RESOURCE_EXHAUSTED (LIMIT_EXCEEDED) where there is no thread.
  static absl::StatusOr<std::unique_ptr<StallGuard>> Start(Call call, absl::Duration pause,
                                                           absl::Time deadline);
  // Ends the watch.
  ~StallGuard();

  void Progress();

  // Why the call is broken off, or is to end by itself before it is: DEADLINE_EXCEEDED, or what
  // `check` gave. OK where it may go on.
  absl::Status status() const;

 private:
  StallGuard(Call call, absl::Duration pause, absl::Time deadline);
  void Run();
  // Why the watch is over: kEnded without a reason to do anything, kBroken with that of status().
  enum class Outcome { kEnded, kCancelled, kBroken };
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
