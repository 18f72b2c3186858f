#ifndef HOLKAS_SERVICE_AUTH_PENDING_REQUESTS_H_
#define HOLKAS_SERVICE_AUTH_PENDING_REQUESTS_H_

#include <cstdint>
#include <map>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

namespace holkas {

// The requests of each connection of which gRPC has the headers, and no handler the message: each
// holds memory, and gRPC bounds their number only for clients that have acknowledged its settings.
// Thread-safe.
//
// Nobody tells how a request ends that never gets to its handler, so those that a caller takes back
// count on; a connection whose requests get there makes up for them.
class PendingRequests {
 public:
  // `max_per_connection`: at least 1.
  explicit PendingRequests(int max_per_connection) : max_per_connection_(max_per_connection) {}

  // A number for a connection that has none.
  uint64_t NewConnection();

  // The headers of a request have come. Errors: RESOURCE_EXHAUSTED (LIMIT_EXCEEDED): it has to end.
  absl::Status Begin(uint64_t connection);

  // A request of a known caller has got to its handler.
  void Arrive(uint64_t connection);

 private:
  const int max_per_connection_;
  absl::Mutex mutex_;
  uint64_t last_connection_ ABSL_GUARDED_BY(mutex_) = 0;
  // Without those that have none.
  std::map<uint64_t, int> pending_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_AUTH_PENDING_REQUESTS_H_
