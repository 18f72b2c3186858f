#ifndef HOLKAS_WORKER_JOBS_DIFF_DIGESTS_H_
#define HOLKAS_WORKER_JOBS_DIFF_DIGESTS_H_

#include <map>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "proto/wire/digest.h"
#include "worker/jobs/copy_plan.h"
#include "worker/transports/image_source.h"

namespace holkas {

// What the images of a plan say that their layers are once they are decompressed: the diff_ids of
// their configurations, which are read when the first layer of the image is asked about. What a
// layer is taken for by anybody else's word has to agree with it. Thread-safe.
class DiffDigests {
 public:
  // Both outlive it.
  DiffDigests(ImageSource& from, const CopyPlan& plan) : from_(from), plan_(plan) {}

  // Nothing for layers of no image, and where the configuration cannot be read now or does not
  // tell; nor where two images do not agree.
  std::optional<Digest> Find(const Digest& layer) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void ReadAll() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Read(const PlannedImage& image) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  ImageSource& from_;
  const CopyPlan& plan_;
  absl::Mutex mutex_;
  bool is_read_ ABSL_GUARDED_BY(mutex_) = false;
  // By the digest of the layer.
  std::map<Digest, std::optional<Digest>> known_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_JOBS_DIFF_DIGESTS_H_
