#include "service/auth/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"

namespace holkas {
namespace {

std::string AddressText(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    return absl::StrCat(text, ":", ntohs(v4.sin_port));
  }
  if (address.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
    return absl::StrCat("[", text, "]:", ntohs(v6.sin6_port));
  }
  return "unknown";
}

}  // namespace

std::string Peer::ToString() const {
  if (kind == Kind::kTcp) {
    return absl::StrCat("tcp ", address);
  }
  return absl::StrCat("uid ", uid, " pid ", pid);
}

absl::StatusOr<Peer> PeerOf(int fd, Peer::Kind kind) {
  Peer peer;
  peer.kind = kind;
  if (kind == Peer::Kind::kTcp) {
    sockaddr_storage address = {};
    socklen_t size = sizeof address;
    if (getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      return ErrnoError(errno, "ask for a connection's peer address");
    }
    peer.address = AddressText(address);
    return peer;
  }
  ucred credentials = {};
  socklen_t size = sizeof credentials;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return ErrnoError(errno, "ask for a connection's peer credentials");
  }
  peer.uid = credentials.uid;
  peer.pid = credentials.pid;
  return peer;
}

}  // namespace holkas
