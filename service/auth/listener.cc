#include "service/auth/listener.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

// Connections that wait to be accepted; the kernel cuts it to its own limit.
constexpr int kBacklog = 1024;

absl::Status Precondition(absl::string_view what) { return absl::FailedPreconditionError(what); }

absl::Status BadAddress(absl::string_view text, absl::string_view why) {
  return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_CONFIG",
                   absl::StrCat("listen on \"", text, "\": ", why));
}

bool IsLoopback(const std::string& address) {
  in_addr v4 = {};
  in6_addr v6 = {};
  if (inet_pton(AF_INET, address.c_str(), &v4) == 1) {
    return ntohl(v4.s_addr) >> 24 == 127;
  }
  return inet_pton(AF_INET6, address.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

bool IsAddress(const std::string& address) {
  in6_addr scratch = {};
  return inet_pton(AF_INET, address.c_str(), &scratch) == 1 ||
         inet_pton(AF_INET6, address.c_str(), &scratch) == 1;
}

// Nobody but us and root may be able to rename what is in the socket's directory.
absl::Status CheckDirectory(const std::string& path) {
  const std::string directory = path.substr(0, path.rfind('/') + 1);
  struct stat info = {};
  if (stat(directory.c_str(), &info) != 0) {
    return ErrnoError(errno, absl::StrCat("listen on unix:", path, ": directory ", directory));
  }
  if (info.st_uid != geteuid() && info.st_uid != 0) {
    return Precondition(absl::StrCat("listen on unix:", path, ": directory ", directory,
                                     " belongs to user ", info.st_uid));
  }
  if ((info.st_mode & S_IWOTH) != 0 && (info.st_mode & S_ISVTX) == 0) {
    return Precondition(
        absl::StrCat("listen on unix:", path, ": everybody can write to directory ", directory));
  }
  return absl::OkStatus();
}

// Whoever has the lock owns the path; a socket that is there without it is a dead server's.
absl::StatusOr<UniqueFd> LockPath(const std::string& path) {
  const std::string lock_path = path + ".lock";
  UniqueFd lock(open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock.valid()) {
    return ErrnoError(errno, absl::StrCat("listen on unix:", path, ": open ", lock_path));
  }
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return errno == EWOULDBLOCK
               ? Precondition(absl::StrCat("listen on unix:", path, ": another server does"))
               : ErrnoError(errno, absl::StrCat("lock ", lock_path));
  }
  return lock;
}

absl::Status RemoveStaleSocket(const std::string& path) {
  struct stat info = {};
  if (lstat(path.c_str(), &info) != 0) {
    return errno == ENOENT ? absl::OkStatus()
                           : ErrnoError(errno, absl::StrCat("listen on unix:", path));
  }
  if (!S_ISSOCK(info.st_mode)) {
    return Precondition(
        absl::StrCat("listen on unix:", path, ": the path is something else than a socket"));
  }
  return unlink(path.c_str()) == 0 ? absl::OkStatus()
                                   : ErrnoError(errno, absl::StrCat("remove stale ", path));
}

}  // namespace

absl::StatusOr<ListenAddress> ListenAddress::Parse(absl::string_view text) {
  ListenAddress address;
  absl::string_view rest = text;
  if (absl::ConsumePrefix(&rest, "unix:")) {
    if (!absl::StartsWith(rest, "/") || rest.size() >= sizeof(sockaddr_un::sun_path)) {
      return BadAddress(text, absl::StrCat("wants an absolute path of at most ",
                                           sizeof(sockaddr_un::sun_path) - 1, " bytes"));
    }
    address.unix_path = std::string(rest);
    return address;
  }
  const size_t colon = rest.rfind(':');
  uint32_t port = 0;
  if (!absl::ConsumePrefix(&rest, "tcp:") || colon < 4 ||
      !absl::SimpleAtoi(text.substr(colon + 1), &port) || port > 65535) {
    return BadAddress(text, "must be unix:/path or tcp:ADDRESS:PORT");
  }
  address.tcp_port = static_cast<uint16_t>(port);
  absl::string_view host = text.substr(4, colon - 4);
  if (absl::ConsumePrefix(&host, "[")) {
    host = absl::StripSuffix(host, "]");
  }
  address.tcp_address = host == "localhost" ? "127.0.0.1" : std::string(host);
  if (!IsAddress(address.tcp_address)) {
    return BadAddress(text, "wants an IP address");
  }
  return address;
}

bool ListenAddress::IsLocal() const { return !unix_path.empty() || IsLoopback(tcp_address); }

absl::StatusOr<ListenAddress> ListenAddress::Default() {
  std::string parent = "/run";
  if (geteuid() != 0) {
    const char* runtime_dir = getenv("XDG_RUNTIME_DIR");
    if (runtime_dir == nullptr || runtime_dir[0] != '/') {
      return Precondition("XDG_RUNTIME_DIR is not set: say where to listen (--listen unix:/path)");
    }
    parent = runtime_dir;
  }
  const std::string directory = parent + "/holkas";
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return ErrnoError(errno, absl::StrCat("create ", directory));
  }
  struct stat info = {};
  if (lstat(directory.c_str(), &info) != 0) {
    return ErrnoError(errno, absl::StrCat("look at ", directory));
  }
  if (!S_ISDIR(info.st_mode) || info.st_uid != geteuid() || (info.st_mode & 077) != 0) {
    return Precondition(
        absl::StrCat(directory, " must be a directory of mode 0700 of user ", geteuid()));
  }
  return Parse(absl::StrCat("unix:", directory, "/holkas.sock"));
}

absl::StatusOr<Listener> Listener::Open(const ListenAddress& address, bool open_to_users,
                                        Peer::Kind tcp_kind) {
  if (!address.unix_path.empty()) {
    return OpenUnix(address.unix_path, open_to_users);
  }
  absl::StatusOr<Listener> listener = OpenTcp(address);
  if (listener.ok()) {
    listener->kind_ = tcp_kind;
  }
  return listener;
}

absl::StatusOr<Listener> Listener::OpenUnix(const std::string& path, bool open_to_users) {
  RETURN_IF_ERROR(CheckDirectory(path));
  ASSIGN_OR_RETURN(UniqueFd lock, LockPath(path));
  RETURN_IF_ERROR(RemoveStaleSocket(path));
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) {
    return ErrnoError(errno, "create a socket");
  }
  sockaddr_un name = {};
  name.sun_family = AF_UNIX;
  memcpy(name.sun_path, path.data(), path.size());
  const mode_t old_mask = umask(open_to_users ? 0111 : 0177);
  const int bound = bind(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name);
  const int error = errno;
  umask(old_mask);
  if (bound != 0) {
    return ErrnoError(error, absl::StrCat("listen on unix:", path));
  }
  Listener listener;
  listener.lock_ = std::move(lock);
  listener.kind_ = Peer::Kind::kUnix;
  listener.address_ = absl::StrCat("unix:", path);
  listener.fd_ = std::move(fd);
  if (listen(listener.fd(), kBacklog) != 0) {
    return ErrnoError(errno, absl::StrCat("listen on unix:", path));
  }
  return listener;
}

absl::StatusOr<Listener> Listener::OpenTcp(const ListenAddress& address) {
  sockaddr_in v4 = {};
  sockaddr_in6 v6 = {};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(address.tcp_port);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(address.tcp_port);
  const bool is_v4 = inet_pton(AF_INET, address.tcp_address.c_str(), &v4.sin_addr) == 1;
  if (!is_v4 && inet_pton(AF_INET6, address.tcp_address.c_str(), &v6.sin6_addr) != 1) {
    return BadAddress(address.tcp_address, "wants an IP address");
  }
  auto* name = is_v4 ? reinterpret_cast<sockaddr*>(&v4) : reinterpret_cast<sockaddr*>(&v6);
  socklen_t size = is_v4 ? sizeof v4 : sizeof v6;
  const std::string host =
      is_v4 ? address.tcp_address : absl::StrCat("[", address.tcp_address, "]");
  const std::string what = absl::StrCat("listen on tcp:", host, ":", address.tcp_port);

  Listener listener;
  const int one = 1;
  listener.fd_.reset(
      socket(name->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP));
  if (!listener.fd_.valid() ||
      setsockopt(listener.fd(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
      bind(listener.fd(), name, size) != 0 || listen(listener.fd(), kBacklog) != 0 ||
      getsockname(listener.fd(), name, &size) != 0) {
    return ErrnoError(errno, what);
  }
  listener.address_ = absl::StrCat("tcp:", host, ":", ntohs(is_v4 ? v4.sin_port : v6.sin6_port));
  return listener;
}

Listener::~Listener() {
  // While the lock is held, so that it is our own name that goes.
  if (fd_.valid() && kind_ == Peer::Kind::kUnix) {
    unlink(address_.c_str() + sizeof("unix:") - 1);
  }
}

}  // namespace holkas
