#ifndef HOLKAS_SERVICE_AUTH_LISTENER_H_
#define HOLKAS_SERVICE_AUTH_LISTENER_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/wire/unique_fd.h"
#include "service/auth/peer.h"

namespace holkas {

// Where to listen: `unix:/path` or `tcp:ADDRESS:PORT`.
struct ListenAddress {
  std::string unix_path;    // empty for TCP
  std::string tcp_address;  // an IP address, without brackets
  uint16_t tcp_port = 0;    // 0: any free one

  // Whether this machine alone can connect.
  bool IsLocal() const;

  // Errors: INVALID_ARGUMENT (INVALID_CONFIG).
  static absl::StatusOr<ListenAddress> Parse(absl::string_view text);

  // `unix:$XDG_RUNTIME_DIR/holkas/holkas.sock`, for root `unix:/run/holkas/holkas.sock`; its
  // directory is created with mode 0700.
  // Errors: FAILED_PRECONDITION where there is no such directory or others can use it.
  static absl::StatusOr<ListenAddress> Default();
};

// A socket that listens. For unix sockets, a lock on `path.lock` is held as long as it lives, and
// the socket's name is removed with it; the lock file stays.
class Listener {
 public:
  // `open_to_users`: the unix socket has mode 0666 instead of 0600. What a dead server left at the
  // path is removed. Changes the process's umask for a moment: call it before there are threads.
  // `tcp_kind`: of connections over TCP.
  // Errors: FAILED_PRECONDITION where another server listens there, or the path is taken by
  // something else or in a directory where others could replace it; others by errno.
  static absl::StatusOr<Listener> Open(const ListenAddress& address, bool open_to_users,
                                       Peer::Kind tcp_kind = Peer::Kind::kTcp);

  Listener(Listener&&) noexcept = default;
  Listener& operator=(Listener&&) = delete;
  ~Listener();

  int fd() const { return fd_.get(); }
  Peer::Kind kind() const { return kind_; }
  // What ListenAddress::Parse takes, with the real port.
  const std::string& address() const { return address_; }

 private:
  Listener() = default;
  static absl::StatusOr<Listener> OpenUnix(const std::string& path, bool open_to_users);
  static absl::StatusOr<Listener> OpenTcp(const ListenAddress& address);

  UniqueFd fd_;
  UniqueFd lock_;
  Peer::Kind kind_ = Peer::Kind::kTcp;
  std::string address_;
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_AUTH_LISTENER_H_
