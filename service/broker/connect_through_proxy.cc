#include "service/broker/connect_through_proxy.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/wire/error.h"
#include "proto/wire/host_port.h"
#include "proto/wire/printable.h"
#include "proto/wire/status_macros.h"
#include "service/broker/connect_first.h"
#include "service/telemetry/redaction.h"

namespace holkas {
namespace {

constexpr absl::Duration kLookUpLimit = absl::Seconds(5);
// The head of the proxy's answer: a status line and some fields.
constexpr size_t kMaxHeadBytes = 16 << 10;
constexpr size_t kMaxShownBytes = 100;
constexpr char kHeadEnd[] = "\r\n\r\n";
constexpr size_t kHeadEndBytes = sizeof kHeadEnd - 1;

// The conversation with one proxy until its tunnel stands.
class Handshake {
 public:
  Handshake(const Proxy& proxy, UniqueFd socket, absl::Time deadline,
            const Cancellation& cancellation)
      : name_(absl::StrCat(proxy.host, ":", proxy.port)),
        socket_(std::move(socket)),
        deadline_(deadline),
        cancellation_(cancellation) {}

  absl::Status Send(absl::string_view request);
  // The head of the answer, and not a byte more.
  absl::StatusOr<std::string> ReadHead();
  absl::Status CheckStatus(absl::string_view head, absl::string_view target) const;
  UniqueFd TakeSocket() { return std::move(socket_); }

 private:
  absl::Status Failed(absl::string_view why) const {
    return MakeError(absl::StatusCode::kUnavailable, "REGISTRY_UNAVAILABLE",
                     absl::StrCat("proxyconnect tcp: proxy ", name_, ": ", why));
  }
  // Waits until the socket is ready for `events`.
  absl::Status Await(int16_t events) const;

  const std::string name_;
  UniqueFd socket_;
  const absl::Time deadline_;
  const Cancellation& cancellation_;
};

absl::Status Handshake::Await(int16_t events) const {
  while (true) {
    const absl::Duration left = deadline_ - absl::Now();
    if (cancellation_.cancelled()) {
      return absl::CancelledError("connect: cancelled");
    }
    if (left <= absl::ZeroDuration()) {
      return Failed("i/o timeout");
    }
    pollfd entries[] = {{socket_.get(), events, 0}, {cancellation_.fd(), POLLIN, 0}};
    const absl::Duration wait = std::min(left, absl::Minutes(1));
    poll(entries, 2, static_cast<int>(absl::ToInt64Milliseconds(wait)) + 1);
    if (entries[0].revents != 0) {
      return absl::OkStatus();
    }
  }
}

absl::Status Handshake::Send(absl::string_view request) {
  while (!request.empty()) {
    RETURN_IF_ERROR(Await(POLLOUT));
    const ssize_t sent =
        send(socket_.get(), request.data(), request.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
      return Failed(absl::StrCat("write: ", std::strerror(errno)));
    }
    request.remove_prefix(static_cast<size_t>(std::max<ssize_t>(sent, 0)));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Handshake::ReadHead() {
  std::string head;
  std::vector<char> seen(kMaxHeadBytes);
  while (head.size() < kMaxHeadBytes) {
    RETURN_IF_ERROR(Await(POLLIN));
    const ssize_t there =
        recv(socket_.get(), seen.data(), kMaxHeadBytes - head.size(), MSG_PEEK | MSG_DONTWAIT);
    if (there < 0 && (errno == EAGAIN || errno == EINTR)) {
      continue;
    }
    if (there <= 0) {
      return Failed(there == 0 ? "unexpected EOF" : std::strerror(errno));
    }
    // The end can stand across what came before and what is there now.
    const size_t before = head.size();
    head.append(seen.data(), static_cast<size_t>(there));
    const size_t end = head.find(kHeadEnd, before - std::min(before, kHeadEndBytes));
    const bool whole = end != std::string::npos;
    if (whole) {
      head.resize(end + kHeadEndBytes);
    }
    // What was seen is there to be taken.
    if (recv(socket_.get(), seen.data(), head.size() - before, 0) !=
        static_cast<ssize_t>(head.size() - before)) {
      return Failed("its answer changed");
    }
    if (whole) {
      return head;
    }
  }
  return Failed(absl::StrCat("the head of its answer is larger than ", kMaxHeadBytes, " bytes"));
}

absl::Status Handshake::CheckStatus(absl::string_view head, absl::string_view target) const {
  const absl::string_view line = head.substr(0, head.find("\r\n"));
  const size_t space = line.find(' ');
  if (!absl::StartsWith(line, "HTTP/1.") || space == absl::string_view::npos) {
    return Failed("malformed HTTP response");
  }
  const absl::string_view status = line.substr(space + 1);
  if (status == "200" || absl::StartsWith(status, "200 ")) {
    return absl::OkStatus();
  }
  return Failed(absl::StrCat("CONNECT ", target, ": ", Printable(status, kMaxShownBytes)));
}

// What can stand in a request's line.
bool IsHost(absl::string_view host) {
  return !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
    return absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.' || c == ':';
  });
}

std::string ConnectRequest(const Proxy& proxy, absl::string_view target) {
  std::string request = absl::StrCat("CONNECT ", target, " HTTP/1.1\r\nHost: ", target, "\r\n");
  if (!proxy.authorization.empty()) {
    absl::StrAppend(&request, "Proxy-Authorization: ", proxy.authorization, "\r\n");
  }
  return absl::StrCat(request, "\r\n");
}

}  // namespace

absl::StatusOr<UniqueFd> ConnectThroughProxy(const Proxy& proxy, const std::string& host,
                                             uint16_t port, Resolver& resolver, absl::Time deadline,
                                             const Cancellation& cancellation) {
  if (!IsHost(host)) {
    return MakeError(absl::StatusCode::kPermissionDenied, "ADDRESS_DENIED",
                     absl::StrCat("connect to ", Printable(host, kMaxShownBytes), ": not a host"));
  }
  const std::string target = JoinHostPort(host, port);
  absl::StatusOr<std::vector<Endpoint>> endpoints =
      resolver.Resolve(proxy.host, proxy.port, kLookUpLimit, cancellation);
  if (!endpoints.ok()) {
    return WithContext(endpoints.status(), "proxyconnect tcp");
  }
  absl::StatusOr<UniqueFd> socket = ConnectFirst(*endpoints, deadline, cancellation);
  if (!socket.ok()) {
    return WithContext(socket.status(), "proxyconnect tcp");
  }
  Handshake handshake(proxy, *std::move(socket), deadline, cancellation);
  RETURN_IF_ERROR(handshake.Send(ConnectRequest(proxy, target)));
  ASSIGN_OR_RETURN(const std::string head, handshake.ReadHead());
  Redaction redaction;
  redaction.AddAuthorization(proxy.authorization);
  RETURN_IF_ERROR(redaction.Apply(handshake.CheckStatus(head, target)));
  return handshake.TakeSocket();
}

}  // namespace holkas
