#ifndef HOLKAS_SERVICE_RPC_TAG_QUEUE_H_
#define HOLKAS_SERVICE_RPC_TAG_QUEUE_H_

#include <cstddef>
#include <deque>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "holkas/v1/image_service.pb.h"

namespace holkas {

// The tags of one list on their way from the job's thread, which never waits here, to the caller,
// who may read slowly. None is left out: who pushes asks before whether the queue is full, and
// waits elsewhere. Thread-safe.
class TagQueue {
 public:
  // `full_bytes`: from when on it is full; one more push still has its place.
  explicit TagQueue(size_t full_bytes) : full_bytes_(full_bytes) {}

  void Push(v1::ListTagsResponse tags);
  bool IsFull() const;

  // No tags follow.
  void Close();

  // The next tags; waits for them. Nothing after Close, when all have been taken.
  std::optional<v1::ListTagsResponse> Pop();

 private:
  bool Ready() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return closed_ || !parts_.empty(); }

  const size_t full_bytes_;
  mutable absl::Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<v1::ListTagsResponse> parts_ ABSL_GUARDED_BY(mutex_);
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;  // of all parts together
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_RPC_TAG_QUEUE_H_
