#ifndef HOLKAS_SERVICE_AUTH_PEER_H_
#define HOLKAS_SERVICE_AUTH_PEER_H_

#include <sys/types.h>

#include <string>

#include "absl/status/statusor.h"

namespace holkas {

// Who is at the other end of a connection, as the kernel says.
struct Peer {
  enum class Kind {
    kPrivate,  // the process that started this holkasd, for itself alone
    kUnix,     // a user of this machine
    kTcp,      // anybody on this machine, over TCP without TLS
    kTls,      // anybody, over TLS
  };
  Kind kind = Kind::kTcp;
  // Of the process that connected; for kUnix and kPrivate.
  uid_t uid = static_cast<uid_t>(-1);
  pid_t pid = 0;
  // `127.0.0.1:40000`, `[::1]:40000`; for kTcp and kTls.
  std::string address;

  // For the log: `uid 1000 pid 4242`, `tcp 127.0.0.1:40000`, `tls 192.0.2.1:40000`.
  std::string ToString() const;
  bool is_remote() const { return kind == Kind::kTcp || kind == Kind::kTls; }
  // Who the connection is counted for: the user, or the host at the address (of IPv6 the /64).
  std::string Owner() const;
};

// Asks the kernel who is at the other end of the connected socket `fd`.
// Errors: INTERNAL where the kernel does not tell.
absl::StatusOr<Peer> PeerOf(int fd, Peer::Kind kind);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_AUTH_PEER_H_
