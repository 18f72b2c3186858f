#ifndef HOLKAS_SERVICE_JOBS_ADMISSION_H_
#define HOLKAS_SERVICE_JOBS_ADMISSION_H_

#include <functional>
#include <list>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace holkas {

// Decides when a job may run: so many at once, the others in the order in which they came, up to a
// bound. Thread-safe.
class Admission {
 public:
  // The right to run; destroying it lets the next one run. Must not outlive the Admission.
  class Slot {
   public:
    explicit Slot(Admission& owner) : owner_(&owner) {}
    Slot(Slot&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
    Slot& operator=(Slot&&) = delete;
    ~Slot() {
      if (owner_ != nullptr) {
        owner_->Leave();
      }
    }

   private:
    Admission* owner_;
  };

  Admission(int max_concurrent, int max_queued)
      : max_concurrent_(max_concurrent), max_queued_(max_queued) {}

  // Waits for a slot. `cancelled` is asked every 50 ms while waiting, without a lock held; it may
  // be empty. Errors: RESOURCE_EXHAUSTED (LIMIT_EXCEEDED); DEADLINE_EXCEEDED; CANCELLED;
  // UNAVAILABLE (SERVER_DRAINING).
  absl::StatusOr<Slot> Enter(absl::Time deadline, const std::function<bool()>& cancelled);

  // Refuses all that wait, and all that come.
  void Drain();
  // Whether some may come still. Errors: UNAVAILABLE (SERVER_DRAINING).
  absl::Status CheckOpen() const;

  // False where somebody still has a slot at `deadline`.
  bool WaitUntilIdle(absl::Time deadline);

  // How many have a slot.
  int running() const;

 private:
  // Somebody who waits; lives on the stack of Enter.
  struct Waiter {
    bool admitted = false;
    bool refused = false;
    bool settled() const { return admitted || refused; }
  };

  void Leave();
  // OK when `waiter` is settled; otherwise why it waits no longer.
  absl::Status AwaitTurn(const Waiter& waiter, absl::Time deadline,
                         const std::function<bool()>& cancelled)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PassOn() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Idle() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return running_ == 0; }

  const int max_concurrent_;
  const int max_queued_;
  mutable absl::Mutex mutex_;
  int running_ ABSL_GUARDED_BY(mutex_) = 0;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  std::list<Waiter*> queue_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_JOBS_ADMISSION_H_
