#include "service/broker/socks5_handshake.h"

#include <iterator>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/wire/host_port.h"
#include "proto/wire/status_macros.h"
#include "service/policy/network.h"

namespace holkas {
namespace {

constexpr uint8_t kVersion = 5;
constexpr uint8_t kUserVersion = 1;
constexpr uint8_t kWithoutUser = 0;
constexpr uint8_t kWithUser = 2;
constexpr uint8_t kNoMethod = 0xff;
constexpr uint8_t kConnect = 1;
constexpr uint8_t kIpv4 = 1;
constexpr uint8_t kName = 3;
constexpr uint8_t kIpv6 = 4;
constexpr size_t kIpv4Bytes = 4;
constexpr size_t kIpv6Bytes = 16;
constexpr size_t kPortBytes = 2;
constexpr size_t kMaxNameBytes = 255;

// RFC 1928, section 6.
constexpr const char* kReplies[] = {
    "succeeded",
    "general SOCKS server failure",
    "not allowed",
    "network unreachable",
    "host unreachable",
    "connection refused",
    "TTL expired",
    "command not supported",
    "address type not supported",
};

void AppendByte(std::string& bytes, size_t value) { bytes.push_back(static_cast<char>(value)); }

void AppendCounted(std::string& bytes, absl::string_view text) {
  AppendByte(bytes, text.size());
  bytes.append(text.data(), text.size());
}

std::string Greeting(bool with_user) {
  std::string bytes;
  AppendByte(bytes, kVersion);
  AppendByte(bytes, with_user ? 2 : 1);
  AppendByte(bytes, kWithoutUser);
  if (with_user) {
    AppendByte(bytes, kWithUser);
  }
  return bytes;
}

std::string UserMessage(const Proxy& proxy) {
  std::string bytes;
  AppendByte(bytes, kUserVersion);
  AppendCounted(bytes, proxy.user);
  AppendCounted(bytes, proxy.password);
  return bytes;
}

std::string Request(const std::string& host, uint16_t port) {
  std::string bytes;
  AppendByte(bytes, kVersion);
  AppendByte(bytes, kConnect);
  AppendByte(bytes, 0);
  if (const std::optional<IpAddress> address = IpAddress::Parse(host); address.has_value()) {
    AppendByte(bytes, address->is_v6() ? kIpv6 : kIpv4);
    bytes.append(reinterpret_cast<const char*>(address->bytes().data()),
                 address->is_v6() ? kIpv6Bytes : kIpv4Bytes);
  } else {
    AppendByte(bytes, kName);
    AppendCounted(bytes, host);
  }
  AppendByte(bytes, port >> 8);
  AppendByte(bytes, port & 0xff);
  return bytes;
}

// One conversation.
class Socks5 {
 public:
  Socks5(ProxyConnection& connection, const Proxy& proxy)
      : connection_(connection), proxy_(proxy) {}

  absl::Status AgreeOnMethod();
  absl::Status Ask(const std::string& host, uint16_t port);

 private:
  // The next two bytes, of which the first has to be `version`: the second.
  absl::StatusOr<uint8_t> ReadPair(uint8_t version);
  absl::Status ShowUser();
  // The address that the proxy's end of the tunnel has.
  absl::Status SkipAddress();

  ProxyConnection& connection_;
  const Proxy& proxy_;
};

absl::StatusOr<uint8_t> Socks5::ReadPair(uint8_t version) {
  ASSIGN_OR_RETURN(const std::string pair, connection_.Read(2));
  const auto got = static_cast<uint8_t>(pair[0]);
  if (got != version) {
    return connection_.Failed(absl::StrCat("socks: unexpected protocol version ", got));
  }
  return static_cast<uint8_t>(pair[1]);
}

absl::Status Socks5::AgreeOnMethod() {
  const bool with_user = !proxy_.user.empty();
  RETURN_IF_ERROR(connection_.Send(Greeting(with_user)));
  ASSIGN_OR_RETURN(const uint8_t method, ReadPair(kVersion));
  if (method == kWithoutUser) {
    return absl::OkStatus();
  }
  if (method == kNoMethod) {
    return connection_.Failed("socks: no acceptable authentication methods");
  }
  if (method != kWithUser || !with_user) {
    return connection_.Failed(absl::StrCat("socks: unsupported authentication method ", method));
  }
  return ShowUser();
}

absl::Status Socks5::ShowUser() {
  RETURN_IF_ERROR(connection_.Send(UserMessage(proxy_)));
  ASSIGN_OR_RETURN(const uint8_t status, ReadPair(kUserVersion));
  return status == 0 ? absl::OkStatus()
                     : connection_.Failed("socks: username/password authentication failed");
}

absl::Status Socks5::SkipAddress() {
  ASSIGN_OR_RETURN(const std::string type, connection_.Read(1));
  size_t size = 0;
  switch (static_cast<uint8_t>(type[0])) {
    case kIpv4:
      size = kIpv4Bytes;
      break;
    case kIpv6:
      size = kIpv6Bytes;
      break;
    case kName: {
      ASSIGN_OR_RETURN(const std::string length, connection_.Read(1));
      size = static_cast<uint8_t>(length[0]);
      break;
    }
    default:
      return connection_.Failed(
          absl::StrCat("socks: unknown address type ", static_cast<uint8_t>(type[0])));
  }
  return connection_.Read(size + kPortBytes).status();
}

absl::Status Socks5::Ask(const std::string& host, uint16_t port) {
  RETURN_IF_ERROR(connection_.Send(Request(host, port)));
  ASSIGN_OR_RETURN(const uint8_t reply, ReadPair(kVersion));
  if (reply != 0) {
    return connection_.Failed(absl::StrCat(
        "socks connect ", JoinHostPort(host, port), ": ",
        reply < std::size(kReplies) ? kReplies[reply] : absl::StrCat("unknown code ", reply)));
  }
  ASSIGN_OR_RETURN(const std::string reserved, connection_.Read(1));
  if (reserved[0] != 0) {
    return connection_.Failed("socks: non-zero reserved field");
  }
  return SkipAddress();
}

}  // namespace

absl::Status Socks5Handshake(ProxyConnection& connection, const Proxy& proxy,
                             const std::string& host, uint16_t port) {
  if (host.size() > kMaxNameBytes) {
    return connection.Failed("socks: a host's name of more than 255 bytes");
  }
  Socks5 socks(connection, proxy);
  RETURN_IF_ERROR(socks.AgreeOnMethod());
  return socks.Ask(host, port);
}

}  // namespace holkas
