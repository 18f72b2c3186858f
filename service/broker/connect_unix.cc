#include "service/broker/connect_unix.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/wire/error.h"

namespace holkas {
namespace {

// Nothing tells when a full queue has room again.
constexpr int kRetryMs = 20;

absl::Status Failure(const std::string& path, int error_number) {
  std::string text = std::strerror(error_number);
  text[0] = absl::ascii_tolower(text[0]);
  const bool denied = error_number == EACCES || error_number == EPERM;
  return MakeError(denied ? absl::StatusCode::kPermissionDenied : absl::StatusCode::kUnavailable,
                   denied ? "DAEMON_DENIED" : "DAEMON_UNAVAILABLE",
                   error_number == EAGAIN ? absl::StrCat("dial unix ", path, ": i/o timeout")
                                          : absl::StrCat("dial unix ", path, ": connect: ", text));
}

}  // namespace

absl::StatusOr<UniqueFd> ConnectUnix(const std::string& path, absl::Time deadline,
                                     const Cancellation& cancellation) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return Failure(path, ENAMETOOLONG);
  }
  path.copy(address.sun_path, path.size());
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.valid()) {
    return Failure(path, errno);
  }
  while (connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    if (errno == EINTR) {
      continue;
    }
    if (errno != EAGAIN || absl::Now() >= deadline) {
      return Failure(path, errno);
    }
    pollfd cancelled = {cancellation.fd(), POLLIN, 0};
    poll(&cancelled, 1, kRetryMs);
    if (cancellation.cancelled()) {
      return absl::CancelledError("connect: cancelled");
    }
  }
  fcntl(socket.get(), F_SETFL, fcntl(socket.get(), F_GETFL) & ~O_NONBLOCK);
  return socket;
}

}  // namespace holkas
