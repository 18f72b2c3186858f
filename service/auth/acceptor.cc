#include "service/auth/acceptor.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

// How long to wait for file descriptors to become free.
constexpr absl::Duration kExhaustedPause = absl::Milliseconds(100);
// Accepted in a row before other connections are looked at.
constexpr int kMaxAcceptBatch = 64;
constexpr int kMaxEvents = 64;

absl::Status SetNonBlocking(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
      fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
    return ErrnoError(errno, "prepare a connection");
  }
  return absl::OkStatus();
}

bool IsStreamSocket(int fd) {
  int type = 0;
  socklen_t size = sizeof type;
  return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

}  // namespace

Acceptor::Acceptor(ConnectionTable& table, Logger& logger, Options options)
    : table_(table), logger_(logger), options_(std::move(options)) {}

Acceptor::~Acceptor() { Stop(); }

absl::Status Acceptor::Start(std::vector<Listener> listeners) {
  listeners_ = std::move(listeners);
  epoll_.reset(epoll_create1(EPOLL_CLOEXEC));
  wake_.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.u64 = kWake;
  if (!epoll_.valid() || !wake_.valid() ||
      epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event) != 0) {
    return ErrnoError(errno, "prepare to accept connections");
  }
  for (size_t i = 0; i < listeners_.size(); ++i) {
    event.data.u64 = kListenerBase + i;
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, listeners_[i].fd(), &event) != 0) {
      return ErrnoError(errno, absl::StrCat("listen on ", listeners_[i].address()));
    }
  }
  thread_ = std::thread([this] { Run(); });
  return absl::OkStatus();
}

absl::Status Acceptor::AddPrivate(UniqueFd socket) {
  if (!IsStreamSocket(socket.get())) {
    return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_CONFIG",
                     "the inherited connection is not a stream socket");
  }
  RETURN_IF_ERROR(SetNonBlocking(socket.get()));
  {
    absl::MutexLock lock(&mutex_);
    new_private_ = std::move(socket);
  }
  eventfd_write(wake_.get(), 1);
  return absl::OkStatus();
}

void Acceptor::StopListening() {
  if (!thread_.joinable()) {
    return;
  }
  absl::MutexLock lock(&mutex_);
  stop_listening_ = true;
  eventfd_write(wake_.get(), 1);
  mutex_.Await(absl::Condition(&listening_ended_));
}

void Acceptor::Stop() {
  if (!thread_.joinable()) {
    return;
  }
  {
    absl::MutexLock lock(&mutex_);
    stop_ = true;
    eventfd_write(wake_.get(), 1);
  }
  thread_.join();
  listeners_.clear();
  connections_.clear();
}

void Acceptor::Run() {
  for (;;) {
    epoll_event events[kMaxEvents];
    const int count = epoll_wait(epoll_.get(), events, kMaxEvents, WaitTime());
    for (int i = 0; i < count; ++i) {
      const uint64_t id = events[i].data.u64;
      if (id == kWake) {
        HandleWake();
      } else if (id >= kListenerBase) {
        if (id - kListenerBase < listeners_.size()) {
          Accept(listeners_[id - kListenerBase]);
        }
      } else {
        HandleConnection(id, events[i].events);
      }
    }
    CloseSilent();
    CloseRefused();
    if (absl::Now() >= resume_) {
      WatchListeners(true);
    }
    absl::MutexLock lock(&mutex_);
    if (stop_) {
      listening_ended_ = true;
      return;
    }
  }
}

// Until when to sleep, in milliseconds: something to resume or to close may be due.
int Acceptor::WaitTime() const {
  if (resume_ != absl::InfiniteFuture()) {
    return static_cast<int>(absl::ToInt64Milliseconds(kExhaustedPause));
  }
  if (silent_ == 0 && refused_.empty()) {
    return -1;
  }
  constexpr absl::Duration kLongestCheck = absl::Seconds(1);
  return static_cast<int>(absl::ToInt64Milliseconds(
      std::min({kLongestCheck, options_.first_byte_timeout, options_.refused_time})));
}

void Acceptor::HandleWake() {
  eventfd_t count = 0;
  eventfd_read(wake_.get(), &count);
  UniqueFd socket;
  {
    absl::MutexLock lock(&mutex_);
    if (stop_listening_ && !listening_ended_) {
      listeners_.clear();
      resume_ = absl::InfiniteFuture();
      listening_ended_ = true;
    }
    socket = std::move(new_private_);
  }
  if (socket.valid()) {
    const absl::Status status = Admit(std::move(socket), Peer::Kind::kPrivate);
    if (!status.ok()) {
      logger_.Log(LogLevel::kError, "inherited connection refused", {{"error", status.message()}});
      options_.on_private_end();
    }
  }
}

void Acceptor::Accept(const Listener& listener) {
  for (int i = 0; i < kMaxAcceptBatch && AcceptOne(listener); ++i) {
  }
}

// False where there is nothing to accept now.
bool Acceptor::AcceptOne(const Listener& listener) {
  UniqueFd socket(accept4(listener.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket.valid()) {
    const int error = errno;
    if (error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM) {
      // The connection stays in the backlog, and the listener readable: it must not be watched for
      // a while, or this thread would spin.
      logger_.Log(LogLevel::kWarning, "accepting pauses",
                  {{"error", ErrnoError(error, "accept").message()}});
      WatchListeners(false);
      return false;
    }
    return error == EINTR || error == ECONNABORTED;
  }
  const absl::Status status = Admit(std::move(socket), listener.kind());
  if (!status.ok()) {
    logger_.Log(LogLevel::kWarning, "connection refused",
                {{"listener", listener.address()}, {"error", status.message()}});
  }
  return true;
}

absl::Status Acceptor::Admit(UniqueFd socket, Peer::Kind kind) {
  ASSIGN_OR_RETURN(const Peer peer, PeerOf(socket.get(), kind));
  if (kind == Peer::Kind::kUnix && peer.uid != geteuid() && peer.uid != 0 &&
      !options_.allowed_users.contains(peer.uid)) {
    return absl::PermissionDeniedError(
        absl::StrCat(peer.ToString(), " is not one of access.allowed_user_ids"));
  }
  if (peer.is_remote()) {
    const int one = 1;
    setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  }
  const absl::StatusOr<uint64_t> id = table_.Add(peer);
  if (id.ok()) {
    return Keep(std::move(socket), kind, *id, /*is_refused=*/false);
  }
  if (options_.refuse != nullptr) {
    ASSIGN_OR_RETURN(const uint64_t refused, table_.AddRefused(peer, id.status()));
    RETURN_IF_ERROR(Keep(std::move(socket), kind, refused, /*is_refused=*/true));
  }
  return id.status();
}

absl::Status Acceptor::Keep(UniqueFd socket, Peer::Kind kind, uint64_t id, bool is_refused) {
  Connection connection;
  connection.kind = kind;
  connection.is_refused = is_refused;
  connection.since = absl::Now();
  connection.watch.reset(fcntl(socket.get(), F_DUPFD_CLOEXEC, 0));
  connection.socket = std::move(socket);
  absl::Status status = connection.watch.valid()
                            ? Watch(id, std::move(connection), EPOLLIN | EPOLLRDHUP)
                            : ErrnoError(errno, "duplicate a connection");
  if (!status.ok()) {
    table_.Remove(id);
  } else if (is_refused) {
    refused_.insert(id);
  }
  CloseExcess();
  return status;
}

absl::Status Acceptor::Watch(uint64_t id, Connection connection, uint32_t events) {
  epoll_event event = {};
  event.events = events;
  event.data.u64 = id;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, connection.watch.get(), &event) != 0) {
    return ErrnoError(errno, "watch a connection");
  }
  connections_.emplace(id, std::move(connection));
  ++silent_;
  return absl::OkStatus();
}

void Acceptor::HandleConnection(uint64_t id, uint32_t events) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) {
    return;
  }
  if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
    Close(id);
  } else if (found->second.socket.valid()) {
    if ((events & EPOLLRDHUP) != 0) {
      Close(id);
    } else {
      HandOver(id, found->second);
    }
  }
}

// The peer has begun to speak. From now on only the end of both directions is of interest: gRPC
// shuts the socket down when it is done with it, which the duplicate shows too.
void Acceptor::HandOver(uint64_t id, Connection& connection) {
  epoll_event event = {};
  event.data.u64 = id;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, connection.watch.get(), &event) != 0) {
    Close(id);
    return;
  }
  --silent_;
  const int fd = connection.socket.release();
  table_.SetDescriptor(id, fd);
  (connection.is_refused ? options_.refuse : options_.serve)(fd, connection.kind);
}

void Acceptor::Close(uint64_t id) {
  const auto found = connections_.find(id);
  const bool is_private = found->second.kind == Peer::Kind::kPrivate;
  silent_ -= found->second.socket.valid() ? 1 : 0;
  // Who sees the end of the socket may count on the place being free.
  table_.Remove(id);
  refused_.erase(id);
  connections_.erase(found);
  if (is_private) {
    options_.on_private_end();
  }
}

// gRPC may have the socket, and sees its end.
void Acceptor::CutOff(uint64_t id) {
  const UniqueFd watch = std::move(connections_.at(id).watch);
  Close(id);
  shutdown(watch.get(), SHUT_RDWR);
}

void Acceptor::CloseSilent() {
  const absl::Time limit = absl::Now() - options_.first_byte_timeout;
  // Numbers are given in the order of time.
  for (auto it = connections_.begin(); silent_ > 0 && it != connections_.end();) {
    const auto [id, connection] = std::pair(it->first, &it->second);
    ++it;
    if (connection->since > limit) {
      return;
    }
    if (connection->socket.valid() && connection->kind != Peer::Kind::kPrivate) {
      Close(id);
    }
  }
}

// Who floods this server with connections loses its own oldest ones soon, and others theirs only
// where they have not said what they want by then.
void Acceptor::CloseExcess() {
  while (const std::optional<uint64_t> id = table_.ExcessSilent()) {
    if (connections_.count(*id) == 0) {
      table_.Remove(*id);
      continue;
    }
    CutOff(*id);
  }
}

// They were told, or had the time for it.
void Acceptor::CloseRefused() {
  const absl::Time limit = absl::Now() - options_.refused_time;
  while (!refused_.empty() && connections_.at(*refused_.begin()).since <= limit) {
    CutOff(*refused_.begin());
  }
}

void Acceptor::WatchListeners(bool on) {
  for (size_t i = 0; i < listeners_.size(); ++i) {
    epoll_event event = {};
    event.events = on ? uint32_t{EPOLLIN} : 0;
    event.data.u64 = kListenerBase + i;
    epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, listeners_[i].fd(), &event);
  }
  resume_ = on ? absl::InfiniteFuture() : absl::Now() + kExhaustedPause;
}

}  // namespace holkas
