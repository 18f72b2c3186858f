#ifndef HOLKAS_SERVICE_AUTH_CONNECTION_TABLE_H_
#define HOLKAS_SERVICE_AUTH_CONNECTION_TABLE_H_

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "service/auth/peer.h"

namespace holkas {

// The connections that are open, and who is at their other end; of those that are refused, why:
// they stay for a moment to be told. Thread-safe.
//
// gRPC knows a connection that was handed to it as `fd:N`, or over TLS by the peer's address,
// `ipv4:ADDRESS:PORT`. It closes N only after the last call of the connection has ended, so the
// name means the right connection for as long as a handler runs.
class ConnectionTable {
 public:
  // Refused connections that are told why, at once; and of them those of one user or address, so
  // that who floods the server does not take the places of all others.
  static constexpr size_t kMaxRefused = 64;
  static constexpr size_t kMaxRefusedPerUser = 8;

  // `max_per_user`: connections of one user, or of one address (Peer::Owner). `max_silent`: over
  // TCP, those on which no request has come.
  ConnectionTable(size_t max_connections, size_t max_per_user, size_t max_silent = SIZE_MAX)
      : max_connections_(max_connections), max_per_user_(max_per_user), max_silent_(max_silent) {}

  // Counts a new connection; the result names it.
  // Errors: RESOURCE_EXHAUSTED (LIMIT_EXCEEDED).
  absl::StatusOr<uint64_t> Add(Peer peer);

  // Names a connection that Add has refused, `why`. It takes none of the places of the others.
  // Errors: `why` where too many are told already.
  absl::StatusOr<uint64_t> AddRefused(Peer peer, const absl::Status& why);

  // From now on gRPC knows the connection as `fd:N`; over TLS, it does so by its address.
  void SetDescriptor(uint64_t id, int fd);

  void Remove(uint64_t id);

  // Who is at the other end of the connection that gRPC calls `name`; nobody where it is refused.
  std::optional<Peer> Find(absl::string_view name) const;

  // Why the connection that gRPC calls `name` is refused: RESOURCE_EXHAUSTED (LIMIT_EXCEEDED). OK
  // where it is not, or not known.
  absl::Status RefusalOf(absl::string_view name) const;

  // A request of a known caller has come over the connection that gRPC calls `name`.
  void SetSpoken(absl::string_view name);

  // The oldest of the connections over TCP on which no request has come, where there are too many.
  std::optional<uint64_t> ExcessSilent() const;

  // Without those that are refused.
  size_t size() const;

 private:
  struct Connection {
    Peer peer;
    std::string name;  // gRPC's
    absl::Status refusal;
  };
  struct Counts {
    size_t all = 0;
    absl::flat_hash_map<std::string, size_t> per_user;  // without those that have none

    size_t Of(const std::string& owner) const;
    void Add(const std::string& owner);
    void Remove(const std::string& owner);
  };
  static std::string TlsName(const Peer& peer);

  const size_t max_connections_;
  const size_t max_per_user_;
  const size_t max_silent_;
  mutable absl::Mutex mutex_;
  uint64_t last_id_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<uint64_t, Connection> connections_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, uint64_t> by_name_ ABSL_GUARDED_BY(mutex_);
  Counts served_ ABSL_GUARDED_BY(mutex_);
  Counts refused_ ABSL_GUARDED_BY(mutex_);
  // In the order in which they came.
  std::set<uint64_t> silent_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_AUTH_CONNECTION_TABLE_H_
