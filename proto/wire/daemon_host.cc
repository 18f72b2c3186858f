#include "proto/wire/daemon_host.h"

#include <arpa/inet.h>

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "proto/wire/error.h"
#include "proto/wire/host_port.h"

namespace holkas {
namespace {

// sockaddr_un has no room for more.
constexpr size_t kMaxUnixPathBytes = 107;
constexpr size_t kMaxHostBytes = 253;
constexpr size_t kMaxBasePathBytes = 1 << 10;
// How much of a refused host an error shows.
constexpr size_t kMaxShownBytes = 512;

absl::Status Invalid(absl::string_view text, absl::string_view why = "") {
  return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_FIELD",
                   absl::StrCat("unable to parse docker host `",
                                absl::CHexEscape(text.substr(0, kMaxShownBytes)), "`", why),
                   {{"field", "daemon_host"}});
}

bool IsHostName(absl::string_view host) {
  return !host.empty() && host.size() <= kMaxHostBytes &&
         std::all_of(host.begin(), host.end(), [](char c) {
           return absl::ascii_isalnum(c) || c == '.' || c == '-' || c == '_';
         });
}

bool IsIpv6(const std::string& host) {
  in6_addr address;
  return inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

bool IsBasePath(absl::string_view path) {
  return path.size() <= kMaxBasePathBytes && std::all_of(path.begin(), path.end(), [](char c) {
           return absl::ascii_isgraph(c) && c != '?' && c != '#';
         });
}

// Splits `host[:port]`. False where it is none.
bool ReadHostPort(absl::string_view text, DaemonHost& result) {
  absl::string_view host = text;
  absl::string_view port;
  if (absl::ConsumePrefix(&host, "[")) {
    const size_t end = host.find(']');
    if (end == absl::string_view::npos) {
      return false;
    }
    port = host.substr(end + 1);
    host = host.substr(0, end);
    if (!IsIpv6(std::string(host))) {
      return false;
    }
  } else {
    const size_t colon = host.find(':');
    port = colon == absl::string_view::npos ? absl::string_view() : host.substr(colon);
    host = host.substr(0, colon);
    if (!IsHostName(host)) {
      return false;
    }
  }
  result.host = absl::AsciiStrToLower(host);
  if (port.empty()) {
    result.port = result.https ? 443 : 80;
    return true;
  }
  uint32_t number = 0;
  if (!absl::ConsumePrefix(&port, ":") ||
      !std::all_of(port.begin(), port.end(), absl::ascii_isdigit) ||
      !absl::SimpleAtoi(port, &number) || number == 0 || number > 65535) {
    return false;
  }
  result.port = static_cast<uint16_t>(number);
  return true;
}

}  // namespace

absl::StatusOr<DaemonHost> DaemonHost::Parse(absl::string_view text) {
  DaemonHost result;
  absl::string_view rest = text;
  if (absl::ConsumePrefix(&rest, "unix://")) {
    if (!absl::StartsWith(rest, "/") || absl::StrContains(rest, '\0')) {
      return Invalid(text, ": the path of a unix socket must be absolute");
    }
    if (rest.size() > kMaxUnixPathBytes) {
      return Invalid(text, absl::StrCat(": the path of a unix socket has at most ",
                                        kMaxUnixPathBytes, " bytes"));
    }
    result.unix_path = std::string(rest);
    return result;
  }
  result.https = absl::ConsumePrefix(&rest, "tcp://") || absl::ConsumePrefix(&rest, "https://");
  if (!result.https && !absl::ConsumePrefix(&rest, "http://")) {
    return Invalid(text);
  }
  const size_t slash = std::min(rest.find('/'), rest.size());
  absl::string_view base = rest.substr(slash);
  while (absl::ConsumeSuffix(&base, "/")) {
  }
  if (!ReadHostPort(rest.substr(0, slash), result) || !IsBasePath(base)) {
    return Invalid(text);
  }
  result.base_path = std::string(base);
  return result;
}

std::string DaemonHost::ToString() const {
  return unix_path.empty()
             ? absl::StrCat(https ? "tcp://" : "http://", JoinHostPort(host, port), base_path)
             : absl::StrCat("unix://", unix_path);
}

}  // namespace holkas
