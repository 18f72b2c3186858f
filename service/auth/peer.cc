#include "service/auth/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"

namespace holkas {
namespace {

// An IPv4 address is one, also where an IPv6 socket has it.
std::string AddressText(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    return absl::StrCat(text, ":", ntohs(v4.sin_port));
  }
  if (address.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
      inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], text, sizeof text);
      return absl::StrCat(text, ":", ntohs(v6.sin6_port));
    }
    inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
    return absl::StrCat("[", text, "]:", ntohs(v6.sin6_port));
  }
  return "unknown";
}

}  // namespace

std::string Peer::ToString() const {
  if (is_remote()) {
    return absl::StrCat(kind == Kind::kTls ? "tls " : "tcp ", address);
  }
  return absl::StrCat("uid ", uid, " pid ", pid);
}

std::string Peer::Owner() const {
  if (!is_remote()) {
    return absl::StrCat("uid ", uid);
  }
  std::string host = address.substr(0, address.rfind(':'));
  in6_addr v6 = {};
  if (host.size() < 2 || host.front() != '[' ||
      inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &v6) != 1) {
    return host;
  }
  // A host can take any address of its network.
  constexpr size_t kNetworkBytes = 8;
  memset(&v6.s6_addr[kNetworkBytes], 0, sizeof v6.s6_addr - kNetworkBytes);
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(AF_INET6, &v6, text, sizeof text);
  return absl::StrCat(text, "/64");
}

absl::StatusOr<Peer> PeerOf(int fd, Peer::Kind kind) {
  Peer peer;
  peer.kind = kind;
  if (peer.is_remote()) {
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
