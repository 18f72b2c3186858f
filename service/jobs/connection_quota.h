#ifndef HOLKAS_SERVICE_JOBS_CONNECTION_QUOTA_H_
#define HOLKAS_SERVICE_JOBS_CONNECTION_QUOTA_H_

#include <functional>
#include <list>
#include <map>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace holkas {

// How many connections all jobs together have to one registry. The service does not learn when a
// worker closes a connection, but a worker never has more of them than threads: a job reserves as
// many before its worker exists, for all of its registries at once, so that no two jobs wait for
// each other, and gives them back when it is over. Thread-safe.
class ConnectionQuota {
 public:
  // How many connections a job may have, by registry (`host:port`).
  using Shares = std::map<std::string, int>;

  // What a job has reserved; given back by its end. The quota outlives it.
  class Reservation {
   public:
    Reservation(ConnectionQuota& quota, Shares shares)
        : quota_(&quota), shares_(std::move(shares)) {}
    Reservation(Reservation&& other) noexcept
        : quota_(std::exchange(other.quota_, nullptr)), shares_(std::move(other.shares_)) {}
    Reservation& operator=(Reservation&&) = delete;
    ~Reservation() {
      if (quota_ != nullptr) {
        quota_->GiveBack(shares_);
      }
    }

   private:
    ConnectionQuota* quota_;
    Shares shares_;
  };

  // `limit`: for each registry.
  explicit ConnectionQuota(int limit) : limit_(limit) {}

  // Waits until the registries have so many left, in the order of those who want the same ones. A
  // share beyond the limit is taken for the limit. `cancelled` is asked every 50 ms while waiting,
  // and may be empty. Errors: DEADLINE_EXCEEDED; CANCELLED.
  absl::StatusOr<Reservation> Reserve(Shares shares, absl::Time deadline,
                                      const std::function<bool()>& cancelled)
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // OK where `shares` are left now; otherwise why nobody waits for them any longer.
  absl::Status AwaitTurn(const Shares& shares, absl::Time deadline,
                         const std::function<bool()>& cancelled)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void GiveBack(const Shares& shares) ABSL_LOCKS_EXCLUDED(mutex_);
  // Whether `shares` are left, and no earlier one waits for any of them.
  bool IsTurnOf(const Shares& shares) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const int limit_;
  absl::Mutex mutex_;
  absl::CondVar changed_;
  Shares reserved_ ABSL_GUARDED_BY(mutex_);
  // Who waits, the first first. An entry lives on its waiter's stack.
  std::list<const Shares*> waiting_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_JOBS_CONNECTION_QUOTA_H_
