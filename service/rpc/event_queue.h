#ifndef HOLKAS_SERVICE_RPC_EVENT_QUEUE_H_
#define HOLKAS_SERVICE_RPC_EVENT_QUEUE_H_

#include <list>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "holkas/v1/image_service.pb.h"

namespace holkas {

// Events that wait for a slow reader. An index of fifty images with the most layers that storage
// drivers take has fewer.
inline constexpr size_t kMaxWaitingEvents = 20000;

// What a call ends with whose queue of so many events was full: RESOURCE_EXHAUSTED
// (LIMIT_EXCEEDED).
absl::Status TooManyWaitingEvents();

// The events of one copy on their way from the job's thread, which never waits, to the caller, who
// may read slowly. Events keep their order, but the newest BlobProgress of a blob takes the place
// of one that still waits, so that a slow reader sees fewer of them and none late. Thread-safe.
class EventQueue {
 public:
  // `max_events`: how many wait at most.
  explicit EventQueue(size_t max_events) : max_events_(max_events) {}

  // False where the queue is full: the caller reads too slowly for what cannot be left out. Events
  // after Close are dropped.
  bool Push(v1::CopyResponse event);

  // No event follows.
  void Close();

  // The next event; waits for one. Nothing after Close, when all have been taken.
  std::optional<v1::CopyResponse> Pop();

 private:
  bool Ready() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return closed_ || !events_.empty(); }

  const size_t max_events_;
  absl::Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::list<v1::CopyResponse> events_ ABSL_GUARDED_BY(mutex_);
  // The waiting BlobProgress of each blob that may still be replaced.
  absl::flat_hash_map<std::string, v1::CopyResponse*> progress_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_RPC_EVENT_QUEUE_H_
