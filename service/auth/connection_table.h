#ifndef HOLKAS_SERVICE_AUTH_CONNECTION_TABLE_H_
#define HOLKAS_SERVICE_AUTH_CONNECTION_TABLE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "service/auth/peer.h"

namespace holkas {

// The connections that are open, and who is at their other end. Thread-safe.
//
// gRPC knows a connection that was handed to it as `fd:N`. It closes N only after the last call of
// the connection has ended, so N names the right connection for as long as a handler runs.
class ConnectionTable {
 public:
  // `max_per_user`: connections of one user id; all that came over TCP count as one user's.
  ConnectionTable(size_t max_connections, size_t max_per_user)
      : max_connections_(max_connections), max_per_user_(max_per_user) {}

  // Counts a new connection; the result names it.
  // Errors: RESOURCE_EXHAUSTED (LIMIT_EXCEEDED).
  absl::StatusOr<uint64_t> Add(Peer peer);

  // From now on gRPC knows the connection as `fd:N`.
  void SetDescriptor(uint64_t id, int fd);

  void Remove(uint64_t id);

  // Who is at the other end of the connection that gRPC calls `name`.
  std::optional<Peer> Find(absl::string_view name) const;

  size_t size() const;

 private:
  struct Connection {
    Peer peer;
    int fd = -1;
  };
  static int64_t UserOf(const Peer& peer);

  const size_t max_connections_;
  const size_t max_per_user_;
  mutable absl::Mutex mutex_;
  uint64_t last_id_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<uint64_t, Connection> connections_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<int, uint64_t> by_descriptor_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<int64_t, size_t> per_user_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_AUTH_CONNECTION_TABLE_H_
