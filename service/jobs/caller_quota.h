#ifndef HOLKAS_SERVICE_JOBS_CALLER_QUOTA_H_
#define HOLKAS_SERVICE_JOBS_CALLER_QUOTA_H_

#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

namespace holkas {

// Keeps one caller from taking the places of all others: counts what each has under way, and
// refuses more. There are two, with the same limit: of calls, each of which has a thread of gRPC's
// until it ends, whatever it waits for; and of jobs, which go on without a call where the request
// has an id. Thread-safe.
class CallerQuota {
 public:
  // One call or job; destroying it makes room for another. Must not outlive the CallerQuota.
  class Place {
   public:
    Place(CallerQuota& owner, std::string caller) : owner_(&owner), caller_(std::move(caller)) {}
    Place(Place&& other) noexcept
        : owner_(std::exchange(other.owner_, nullptr)), caller_(std::move(other.caller_)) {}
    Place& operator=(Place&&) = delete;
    ~Place() {
      if (owner_ != nullptr) {
        owner_->Leave(caller_);
      }
    }

   private:
    CallerQuota* owner_;
    std::string caller_;
  };

  // `max_per_caller`: at least 1.
  explicit CallerQuota(int max_per_caller) : max_per_caller_(max_per_caller) {}

  // Waits for nothing. Errors: RESOURCE_EXHAUSTED (LIMIT_EXCEEDED).
  absl::StatusOr<Place> Enter(const std::string& caller);

 private:
  void Leave(const std::string& caller);

  const int max_per_caller_;
  absl::Mutex mutex_;
  absl::flat_hash_map<std::string, int> requests_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_JOBS_CALLER_QUOTA_H_
