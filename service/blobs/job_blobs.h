#ifndef HOLKAS_SERVICE_BLOBS_JOB_BLOBS_H_
#define HOLKAS_SERVICE_BLOBS_JOB_BLOBS_H_

#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "broker/broker.pb.h"
#include "service/blobs/blob_info_cache.h"
#include "service/broker/blob_memory.h"

namespace holkas {

// The blobs of one job, between its worker and the cache: tells what the cache has of the caller's,
// and collects what the worker says until Keep, which is for jobs that ended well. Which registry
// and repositories it is about, the job says and not the worker. Thread-safe.
class JobBlobs : public BlobMemory {
 public:
  // Has a mount worker try the repositories of the request.
  // Errors: NOT_FOUND where none of them has the blob to give.
  using Mount = std::function<absl::Status(const broker::MountRequest& request,
                                           const Cancellation& cancellation)>;

  // No job asks more often than this, nor has more tried to be mounted; what it tells beyond the
  // last is dropped.
  static constexpr int kMaxQuestions = 100'000;
  static constexpr int kMaxMounts = 1000;
  static constexpr size_t kMaxFindings = 4096;
  // How many repositories are tried for one blob.
  static constexpr size_t kMaxMountSources = 3;

  // `cache` and `job` outlive it.
  JobBlobs(BlobInfoCache& cache, uid_t user, const broker::JobSpec& job, Mount mount);

  absl::StatusOr<broker::Twins> FindTwins(const broker::FindTwins& question) override
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<bool> MountBlob(const broker::MountBlob& question,
                                 const Cancellation& cancellation) override
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Remember(const broker::Remember& told) override ABSL_LOCKS_EXCLUDED(mutex_);

  // Gives the cache what the worker told. Once, after the worker's end.
  void Keep() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  absl::Status CountQuestion() ABSL_LOCKS_EXCLUDED(mutex_);
  // Repositories other than those that the worker looks into itself.
  std::vector<std::string> MountSources(const Digest& digest);
  void AddPlace(const broker::RegistryImage& image, const Digest& digest)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  BlobInfoCache& cache_;
  const uid_t user_;
  const broker::JobSpec& job_;
  const Mount mount_;
  absl::Mutex mutex_;
  int questions_ ABSL_GUARDED_BY(mutex_) = 0;
  int mounts_ ABSL_GUARDED_BY(mutex_) = 0;
  BlobInfoCache::Findings findings_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_BLOBS_JOB_BLOBS_H_
