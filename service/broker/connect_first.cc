#include "service/broker/connect_first.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/wire/error.h"

namespace holkas {
namespace {

constexpr absl::Duration kStagger = absl::Milliseconds(250);
constexpr int kKeepAliveIdleSeconds = 60;
constexpr int kKeepAliveIntervalSeconds = 10;
constexpr int kKeepAliveProbes = 6;
// As long as keep-alive takes to find a silent peer.
constexpr int kUserTimeoutMs = 120'000;

// One connection under way.
struct Attempt {
  UniqueFd socket;
  const Endpoint* endpoint = nullptr;
};

std::string Why(int error_number) {
  std::string text = std::strerror(error_number);
  text[0] = absl::ascii_tolower(text[0]);
  return error_number == ETIMEDOUT ? "i/o timeout" : absl::StrCat("connect: ", text);
}

void SetOption(int socket, int level, int name, int value) {
  setsockopt(socket, level, name, &value, sizeof(value));
}

UniqueFd Prepared(UniqueFd socket) {
  SetOption(socket.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  SetOption(socket.get(), SOL_SOCKET, SO_KEEPALIVE, 1);
  SetOption(socket.get(), IPPROTO_TCP, TCP_KEEPIDLE, kKeepAliveIdleSeconds);
  SetOption(socket.get(), IPPROTO_TCP, TCP_KEEPINTVL, kKeepAliveIntervalSeconds);
  SetOption(socket.get(), IPPROTO_TCP, TCP_KEEPCNT, kKeepAliveProbes);
  SetOption(socket.get(), IPPROTO_TCP, TCP_USER_TIMEOUT, kUserTimeoutMs);
  fcntl(socket.get(), F_SETFL, fcntl(socket.get(), F_GETFL) & ~O_NONBLOCK);
  return socket;
}

// The race itself: what began, what is next, and what went wrong.
class Race {
 public:
  Race(std::vector<Endpoint> endpoints, absl::Time deadline, const Cancellation& cancellation)
      : endpoints_(std::move(endpoints)), deadline_(deadline), cancellation_(cancellation) {}

  absl::StatusOr<UniqueFd> Run();

 private:
  // Begins with the next endpoint.
  void BeginNext();
  // Waits for something to do. The fd is valid where an attempt has succeeded.
  UniqueFd WaitForOne();
  void Failed(const Endpoint& endpoint, int error_number);

  const std::vector<Endpoint> endpoints_;
  const absl::Time deadline_;
  const Cancellation& cancellation_;
  size_t next_ = 0;
  absl::Time begin_next_;
  std::vector<Attempt> attempts_;
  std::string failure_;  // of the endpoint that is the most wanted
  const Endpoint* failed_ = nullptr;
};

void Race::Failed(const Endpoint& endpoint, int error_number) {
  if (failed_ == nullptr || &endpoint < failed_) {
    failed_ = &endpoint;
    failure_ = absl::StrCat("dial tcp ", endpoint.ToString(), ": ", Why(error_number));
  }
  begin_next_ = absl::InfinitePast();
}

void Race::BeginNext() {
  const Endpoint& endpoint = endpoints_[next_++];
  begin_next_ = absl::Now() + kStagger;
  UniqueFd socket(
      ::socket(endpoint.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.valid() ||
      (connect(socket.get(), &endpoint.address(), endpoint.size) != 0 && errno != EINPROGRESS)) {
    Failed(endpoint, errno);
    return;
  }
  attempts_.push_back({std::move(socket), &endpoint});
}

UniqueFd Race::WaitForOne() {
  std::vector<pollfd> entries;
  for (const Attempt& attempt : attempts_) {
    entries.push_back({attempt.socket.get(), POLLOUT, 0});
  }
  entries.push_back({cancellation_.fd(), POLLIN, 0});
  absl::Time until = next_ < endpoints_.size() ? std::min(begin_next_, deadline_) : deadline_;
  absl::Duration wait = std::clamp(until - absl::Now(), absl::ZeroDuration(), absl::Minutes(1));
  int wait_ms =
      static_cast<int>(absl::ToInt64Milliseconds(absl::Ceil(wait, absl::Milliseconds(1))));
  if (poll(entries.data(), entries.size(), wait_ms) <= 0) {
    return UniqueFd();
  }
  for (size_t i = attempts_.size(); i-- > 0;) {
    if (entries[i].revents == 0) {
      continue;
    }
    int error = 0;
    socklen_t size = sizeof(error);
    getsockopt(attempts_[i].socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error == 0) {
      return std::move(attempts_[i].socket);
    }
    Failed(*attempts_[i].endpoint, error);
    attempts_.erase(attempts_.begin() + static_cast<ptrdiff_t>(i));
  }
  return UniqueFd();
}

absl::StatusOr<UniqueFd> Race::Run() {
  while (absl::Now() < deadline_) {
    if (cancellation_.cancelled()) {
      return absl::CancelledError("connect: cancelled");
    }
    if (next_ < endpoints_.size() && absl::Now() >= begin_next_) {
      BeginNext();
      continue;
    }
    if (attempts_.empty() && next_ >= endpoints_.size()) {
      break;
    }
    if (UniqueFd socket = WaitForOne(); socket.valid()) {
      return Prepared(std::move(socket));
    }
  }
  if (failed_ == nullptr && !endpoints_.empty()) {
    Failed(endpoints_.front(), ETIMEDOUT);
  }
  return MakeError(absl::StatusCode::kUnavailable, "REGISTRY_UNAVAILABLE", failure_);
}

}  // namespace

std::vector<Endpoint> InterleaveFamilies(const std::vector<Endpoint>& endpoints) {
  std::vector<Endpoint> first;
  std::vector<Endpoint> second;
  for (const Endpoint& endpoint : endpoints) {
    (endpoint.is_v6() == endpoints.front().is_v6() ? first : second).push_back(endpoint);
  }
  std::vector<Endpoint> result;
  for (size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
    if (i < first.size()) {
      result.push_back(first[i]);
    }
    if (i < second.size()) {
      result.push_back(second[i]);
    }
  }
  return result;
}

absl::StatusOr<UniqueFd> ConnectFirst(const std::vector<Endpoint>& endpoints, absl::Time deadline,
                                      const Cancellation& cancellation) {
  return Race(InterleaveFamilies(endpoints), deadline, cancellation).Run();
}

}  // namespace holkas
