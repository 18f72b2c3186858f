#include "service/broker/connect_through_proxy.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/wire/error.h"
#include "proto/wire/host_port.h"
#include "proto/wire/printable.h"
#include "proto/wire/status_macros.h"
#include "service/broker/connect_first.h"
#include "service/broker/endpoint.h"
#include "service/broker/proxy_connection.h"
#include "service/broker/socks5_handshake.h"
#include "service/telemetry/redaction.h"

namespace holkas {
namespace {

constexpr absl::Duration kLookUpLimit = absl::Seconds(5);
// The head of the proxy's answer: a status line and some fields.
constexpr size_t kMaxHeadBytes = 16 << 10;
constexpr size_t kMaxShownBytes = 100;

// Why `head` is no consent; empty where it is.
std::string WhyRefused(absl::string_view head, absl::string_view target) {
  const absl::string_view line = head.substr(0, head.find("\r\n"));
  const size_t space = line.find(' ');
  if (!absl::StartsWith(line, "HTTP/1.") || space == absl::string_view::npos) {
    return "malformed HTTP response";
  }
  const absl::string_view status = line.substr(space + 1);
  if (status == "200" || absl::StartsWith(status, "200 ")) {
    return "";
  }
  return absl::StrCat("CONNECT ", target, ": ", Printable(status, kMaxShownBytes));
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

absl::Status HttpHandshake(ProxyConnection& connection, const Proxy& proxy,
                           const std::string& target) {
  RETURN_IF_ERROR(connection.Send(ConnectRequest(proxy, target)));
  ASSIGN_OR_RETURN(const std::string head, connection.ReadThrough("\r\n\r\n", kMaxHeadBytes));
  const std::string why = WhyRefused(head, target);
  if (why.empty()) {
    return absl::OkStatus();
  }
  // The proxy may say again what it was shown.
  Redaction redaction;
  redaction.AddAuthorization(proxy.authorization);
  return redaction.Apply(connection.Failed(why));
}

}  // namespace

absl::StatusOr<UniqueFd> ConnectThroughProxy(const Proxy& proxy, const std::string& host,
                                             uint16_t port, Resolver& resolver, TlsRelays& relays,
                                             absl::Time deadline,
                                             const Cancellation& cancellation) {
  if (!IsHost(host)) {
    return MakeError(absl::StatusCode::kPermissionDenied, "ADDRESS_DENIED",
                     absl::StrCat("connect to ", Printable(host, kMaxShownBytes), ": not a host"));
  }
  absl::StatusOr<std::vector<Endpoint>> endpoints =
      resolver.Resolve(proxy.host, proxy.port, kLookUpLimit, cancellation);
  if (!endpoints.ok()) {
    return WithContext(endpoints.status(), "proxyconnect tcp");
  }
  absl::StatusOr<UniqueFd> socket = ConnectFirst(*endpoints, deadline, cancellation);
  if (!socket.ok()) {
    return WithContext(socket.status(), "proxyconnect tcp");
  }
  ProxyConnection connection(absl::StrCat(proxy.host, ":", proxy.port), *std::move(socket),
                             deadline, cancellation);
  switch (proxy.kind) {
    case Proxy::Kind::kSocks5:
      RETURN_IF_ERROR(Socks5Handshake(connection, proxy, host, port));
      return connection.TakeSocket();
    case Proxy::Kind::kHttps:
      RETURN_IF_ERROR(connection.StartTls(relays.context(), proxy.host));
      break;
    case Proxy::Kind::kHttp:
      break;
  }
  RETURN_IF_ERROR(HttpHandshake(connection, proxy, JoinHostPort(host, port)));
  return proxy.kind == Proxy::Kind::kHttps ? relays.Add(connection.TakeTls())
                                           : absl::StatusOr<UniqueFd>(connection.TakeSocket());
}

}  // namespace holkas
