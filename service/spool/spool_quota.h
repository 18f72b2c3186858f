#ifndef HOLKAS_SERVICE_SPOOL_SPOOL_QUOTA_H_
#define HOLKAS_SERVICE_SPOOL_SPOOL_QUOTA_H_

#include <cstdint>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

namespace holkas {

// How large the archives of Import and Export may be on the server's disk: each, those of one
// caller, and all together. Thread-safe.
class SpoolQuota {
 public:
  struct Limits {
    int64_t archive_bytes = 0;  // Limits.max_archive_bytes of the configuration
    int64_t spooled_bytes = 0;  // Limits.max_spooled_bytes
    int64_t caller_bytes = 0;   // Limits.max_spooled_bytes_per_caller
  };

  explicit SpoolQuota(const Limits& limits) : limits_(limits) {}

  // What one archive of `caller` (Identity) has of it, until Release or its destruction.
  // Thread-safe. The quota outlives it.
  class Share {
   public:
    Share(SpoolQuota& quota, std::string caller);
    ~Share();
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;

    // Makes sure that the archive may have `size_bytes`; a share gets no smaller.
    // Errors: RESOURCE_EXHAUSTED (SPOOL_QUOTA_EXCEEDED) with the metadata entries `limit`, the
    // limit's name in the configuration, and `limit_bytes`.
    absl::Status GrowTo(int64_t size_bytes);

    // Gives back all that it has, for good: GrowTo does nothing any more.
    void Release();

   private:
    SpoolQuota& quota_;
    const std::string caller_;
    int64_t bytes_ ABSL_GUARDED_BY(quota_.mutex_) = 0;
    bool released_ ABSL_GUARDED_BY(quota_.mutex_) = false;
  };

  // How many archives have a share now.
  int archives() const;

 private:
  const Limits limits_;
  mutable absl::Mutex mutex_;
  int archives_ ABSL_GUARDED_BY(mutex_) = 0;
  // Of all shares.
  int64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  // Of the shares of each caller, without those who have none.
  absl::flat_hash_map<std::string, int64_t> caller_bytes_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_SPOOL_SPOOL_QUOTA_H_
