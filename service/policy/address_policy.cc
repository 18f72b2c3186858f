#include "service/policy/address_policy.h"

#include <ifaddrs.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "proto/wire/error.h"
#include "proto/wire/printable.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

constexpr size_t kMaxHostBytes = 253;  // RFC 1035, without the last dot
constexpr size_t kMaxLabelBytes = 63;

struct DeniedNetwork {
  const char* network;
  const char* what;
};

// IANA's special-purpose addresses, and what clouds use within public ranges.
constexpr DeniedNetwork kDenied[] = {
    {"0.0.0.0/8", "an address of this network"},
    {"10.0.0.0/8", "a private address"},
    {"100.64.0.0/10", "an address behind a carrier's NAT"},
    {"127.0.0.0/8", "a loopback address"},
    {"168.63.129.16/32", "a cloud's metadata address"},
    {"169.254.0.0/16", "a link-local address"},
    {"172.16.0.0/12", "a private address"},
    {"192.0.0.0/24", "a protocol assignment"},
    {"192.0.2.0/24", "a documentation address"},
    {"192.88.99.0/24", "a 6to4 relay"},
    {"192.168.0.0/16", "a private address"},
    {"198.18.0.0/15", "a benchmarking address"},
    {"198.51.100.0/24", "a documentation address"},
    {"203.0.113.0/24", "a documentation address"},
    {"224.0.0.0/4", "a multicast address"},
    {"240.0.0.0/4", "a reserved address"},
    // Within 2000::/3. Everything outside it is denied as a whole.
    {"2001::/23", "a protocol assignment"},  // Teredo, ORCHID, benchmarking
    {"2001:db8::/32", "a documentation address"},
    {"3fff::/20", "a documentation address"},
};
constexpr char kGlobal6[] = "2000::/3";

// Names by which hosts and clouds serve themselves, and domains that are never public (RFC 6761,
// RFC 6762, RFC 8375, ICANN's .internal): each with everything beneath it.
constexpr absl::string_view kInternalNames[] = {
    "localhost", "localdomain", "local",         "internal",
    "home.arpa", "metadata",    "instance-data", "metadata.tencentyun.com",
};

absl::Status Denied(absl::string_view what, absl::string_view why) {
  return MakeError(absl::StatusCode::kPermissionDenied, "ADDRESS_DENIED",
                   absl::StrCat("connect to ", Printable(what, kMaxHostBytes), ": ", why));
}

// The networks of kDenied, parsed once.
const std::vector<Network>& DeniedNetworks() {
  static const std::vector<Network>& networks = *[] {
    auto* parsed = new std::vector<Network>;
    for (const DeniedNetwork& denied : kDenied) {
      parsed->push_back(*Network::Parse(denied.network));
    }
    return parsed;
  }();
  return networks;
}

// Why an address is not public; nothing where it is.
std::optional<absl::string_view> WhyDenied(const IpAddress& address) {
  if (const std::optional<IpAddress> embedded = address.Embedded()) {
    return WhyDenied(*embedded);
  }
  for (size_t i = 0; i < DeniedNetworks().size(); ++i) {
    if (DeniedNetworks()[i].Contains(address)) {
      return kDenied[i].what;
    }
  }
  if (address.is_v6() && !Network::Parse(kGlobal6)->Contains(address)) {
    return "not a global address";
  }
  return std::nullopt;
}

bool IsIn(const std::vector<Network>& networks, const IpAddress& address) {
  return std::any_of(networks.begin(), networks.end(),
                     [&address](const Network& network) { return network.Contains(address); });
}

bool IsLabel(absl::string_view label) {
  return !label.empty() && label.size() <= kMaxLabelBytes && label.front() != '-' &&
         label.back() != '-' && std::all_of(label.begin(), label.end(), [](char c) {
           return absl::ascii_isalnum(c) || c == '-' || c == '_';
         });
}

bool IsInternalName(absl::string_view host) {
  return std::any_of(std::begin(kInternalNames), std::end(kInternalNames),
                     [host](absl::string_view name) {
                       return host == name || absl::EndsWith(host, absl::StrCat(".", name));
                     });
}

}  // namespace

absl::Status CheckRedirectHost(absl::string_view host) {
  if (host.empty() || host.size() > kMaxHostBytes) {
    return Denied(host, "not a host name");
  }
  std::string name = absl::AsciiStrToLower(host);
  if (IpAddress::Parse(name).has_value()) {
    return absl::OkStatus();  // the address is judged when it is connected to
  }
  std::vector<absl::string_view> labels = absl::StrSplit(name, '.');
  if (!std::all_of(labels.begin(), labels.end(), IsLabel)) {
    return Denied(host, "not a host name");
  }
  // The C library reads `2130706433`, `0x7f.1` and `127.1` as addresses. No name that DNS serves
  // ends so.
  if (absl::ascii_isdigit(labels.back()[0])) {
    return Denied(host, "an address in an unusual spelling");
  }
  if (IsInternalName(name)) {
    return Denied(host, "a name of the inner network");
  }
  return absl::OkStatus();
}

absl::Status CheckPublicAddress(const IpAddress& address) {
  const std::optional<absl::string_view> why = WhyDenied(address);
  return why.has_value() ? Denied(address.ToString(), *why) : absl::OkStatus();
}

absl::Status CheckNotOwnAddress(const IpAddress& address) {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) {
    return Denied(address.ToString(), "the host's own addresses are not known");
  }
  const std::optional<IpAddress> embedded = address.Embedded();
  bool own = false;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    const std::optional<IpAddress> mine =
        entry->ifa_addr == nullptr ? std::nullopt : IpAddress::Of(*entry->ifa_addr);
    own = own || (mine.has_value() && (*mine == address || mine == embedded));
  }
  freeifaddrs(list);
  return own ? Denied(address.ToString(), "an address of this host") : absl::OkStatus();
}

absl::Status CheckAddress(const IpAddress& address, const std::vector<Network>& denied_networks) {
  RETURN_IF_ERROR(CheckPublicAddress(address));
  const std::optional<IpAddress> embedded = address.Embedded();
  if (IsIn(denied_networks, address) ||
      (embedded.has_value() && IsIn(denied_networks, *embedded))) {
    return Denied(address.ToString(), "in one of registries.egress.denied_networks");
  }
  return CheckNotOwnAddress(address);
}

absl::Status CheckHost(absl::string_view host, const std::vector<Network>& denied_networks) {
  RETURN_IF_ERROR(CheckRedirectHost(host));
  const std::optional<IpAddress> address = IpAddress::Parse(host);
  return address.has_value() ? CheckAddress(*address, denied_networks) : absl::OkStatus();
}

}  // namespace holkas
