#include "service/policy/address_policy.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "proto/wire/error.h"
#include "proto/wire/printable.h"

namespace holkas {
namespace {

constexpr size_t kMaxHostBytes = 253;  // RFC 1035, without the last dot
constexpr size_t kMaxLabelBytes = 63;

struct Range4 {
  uint32_t address;
  int bits;
  absl::string_view what;
};

constexpr uint32_t Quad(uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
  return a << 24 | b << 16 | c << 8 | d;
}

// IANA's special-purpose addresses, and what clouds use within public ranges.
constexpr Range4 kDenied4[] = {
    {Quad(0, 0, 0, 0), 8, "an address of this network"},
    {Quad(10, 0, 0, 0), 8, "a private address"},
    {Quad(100, 64, 0, 0), 10, "an address behind a carrier's NAT"},
    {Quad(127, 0, 0, 0), 8, "a loopback address"},
    {Quad(168, 63, 129, 16), 32, "a cloud's metadata address"},
    {Quad(169, 254, 0, 0), 16, "a link-local address"},
    {Quad(172, 16, 0, 0), 12, "a private address"},
    {Quad(192, 0, 0, 0), 24, "a protocol assignment"},
    {Quad(192, 0, 2, 0), 24, "a documentation address"},
    {Quad(192, 88, 99, 0), 24, "a 6to4 relay"},
    {Quad(192, 168, 0, 0), 16, "a private address"},
    {Quad(198, 18, 0, 0), 15, "a benchmarking address"},
    {Quad(198, 51, 100, 0), 24, "a documentation address"},
    {Quad(203, 0, 113, 0), 24, "a documentation address"},
    {Quad(224, 0, 0, 0), 4, "a multicast address"},
    {Quad(240, 0, 0, 0), 4, "a reserved address"},
};

using Bytes16 = std::array<uint8_t, 16>;

struct Range6 {
  Bytes16 prefix;
  int bits;
  absl::string_view what;
};

// Within 2000::/3. Everything outside it is denied as a whole.
constexpr Range6 kDenied6[] = {
    {{0x20, 0x01, 0x00}, 23, "a protocol assignment"},  // Teredo, ORCHID, benchmarking
    {{0x20, 0x01, 0x0d, 0xb8}, 32, "a documentation address"},
    {{0x3f, 0xff, 0x00}, 20, "a documentation address"},
};

// The prefixes of addresses that stand for the IPv4 address at byte `offset`.
struct Embedding {
  Bytes16 prefix;
  int bits;
  int offset;
};
constexpr Embedding kEmbeddings[] = {
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96, 12},  // IPv4-mapped
    {{0x00, 0x64, 0xff, 0x9b}, 96, 12},                    // NAT64
    {{0x20, 0x02}, 16, 2},                                 // 6to4
};

bool HasPrefix(const Bytes16& address, const Bytes16& prefix, int bits) {
  for (int i = 0; i < bits; ++i) {
    int shift = 7 - i % 8;
    if (((address[i / 8] ^ prefix[i / 8]) >> shift & 1) != 0) {
      return false;
    }
  }
  return true;
}

absl::Status Denied(absl::string_view what, absl::string_view why) {
  return MakeError(absl::StatusCode::kPermissionDenied, "ADDRESS_DENIED",
                   absl::StrCat("connect to ", Printable(what, kMaxHostBytes), ": ", why));
}

std::string ToText(const sockaddr& address) {
  char text[INET6_ADDRSTRLEN] = "?";
  if (address.sa_family == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(address).sin_addr, text, sizeof(text));
  } else if (address.sa_family == AF_INET6) {
    inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr, text,
              sizeof(text));
  }
  return text;
}

// Why an IPv4 address is not public; nothing where it is.
std::optional<absl::string_view> WhyDenied4(uint32_t address) {
  for (const Range4& range : kDenied4) {
    uint32_t mask = ~uint32_t{0} << (32 - range.bits);
    if ((address & mask) == range.address) {
      return range.what;
    }
  }
  return std::nullopt;
}

std::optional<absl::string_view> WhyDenied6(const Bytes16& address) {
  for (const Embedding& embedding : kEmbeddings) {
    if (HasPrefix(address, embedding.prefix, embedding.bits)) {
      const uint8_t* at = address.data() + embedding.offset;
      return WhyDenied4(Quad(at[0], at[1], at[2], at[3]));
    }
  }
  if ((address[0] & 0xe0) != 0x20) {
    return "not a global address";
  }
  for (const Range6& range : kDenied6) {
    if (HasPrefix(address, range.prefix, range.bits)) {
      return range.what;
    }
  }
  return std::nullopt;
}

Bytes16 BytesOf(const sockaddr_in6& address) {
  Bytes16 bytes;
  std::memcpy(bytes.data(), &address.sin6_addr, bytes.size());
  return bytes;
}

bool IsLabel(absl::string_view label) {
  return !label.empty() && label.size() <= kMaxLabelBytes && label.front() != '-' &&
         label.back() != '-' && std::all_of(label.begin(), label.end(), [](char c) {
           return absl::ascii_isalnum(c) || c == '-' || c == '_';
         });
}

// Names by which clouds and hosts serve themselves.
bool IsInternalName(const std::string& host) {
  return host == "localhost" || absl::EndsWith(host, ".localhost") || host == "metadata" ||
         host == "metadata.google.internal" || host == "instance-data" ||
         absl::EndsWith(host, ".localdomain");
}

}  // namespace

absl::Status CheckRedirectHost(absl::string_view host) {
  if (host.empty() || host.size() > kMaxHostBytes) {
    return Denied(host, "not a host name");
  }
  std::string name = absl::AsciiStrToLower(host);
  in6_addr ignored;
  if (inet_pton(AF_INET6, name.c_str(), &ignored) == 1 ||
      inet_pton(AF_INET, name.c_str(), &ignored) == 1) {
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

absl::Status CheckPublicAddress(const sockaddr& address) {
  std::optional<absl::string_view> why = "not an internet address";
  if (address.sa_family == AF_INET) {
    why = WhyDenied4(ntohl(reinterpret_cast<const sockaddr_in&>(address).sin_addr.s_addr));
  } else if (address.sa_family == AF_INET6) {
    why = WhyDenied6(BytesOf(reinterpret_cast<const sockaddr_in6&>(address)));
  }
  return why.has_value() ? Denied(ToText(address), *why) : absl::OkStatus();
}

absl::Status CheckNotOwnAddress(const sockaddr& address) {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) {
    return Denied(ToText(address), "the host's own addresses are not known");
  }
  std::string text = ToText(address);
  bool own = false;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    own = own || (entry->ifa_addr != nullptr && entry->ifa_addr->sa_family == address.sa_family &&
                  ToText(*entry->ifa_addr) == text);
  }
  freeifaddrs(list);
  return own ? Denied(text, "an address of this host") : absl::OkStatus();
}

}  // namespace holkas
