#include "service/policy/network.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"

namespace holkas {
namespace {

constexpr size_t kV4Bytes = 4;
constexpr uint8_t kMapped[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr uint8_t kNat64[] = {0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0};
constexpr uint8_t k6to4[] = {0x20, 0x02};

template <size_t N>
bool StartsWith(const IpAddress::Bytes& bytes, const uint8_t (&prefix)[N]) {
  return std::memcmp(bytes.data(), prefix, N) == 0;
}

}  // namespace

IpAddress IpAddress::V4(const uint8_t* bytes) {
  IpAddress address;
  std::copy_n(bytes, kV4Bytes, address.bytes_.begin());
  return address;
}

IpAddress IpAddress::V6(const uint8_t* bytes) {
  IpAddress address;
  address.is_v6_ = true;
  std::copy_n(bytes, address.bytes_.size(), address.bytes_.begin());
  return StartsWith(address.bytes_, kMapped) ? V4(bytes + sizeof kMapped) : address;
}

std::optional<IpAddress> IpAddress::Parse(absl::string_view text) {
  const std::string copy(text);
  uint8_t bytes[sizeof(in6_addr)];
  if (copy.size() != std::strlen(copy.c_str())) {
    return std::nullopt;
  }
  if (inet_pton(AF_INET, copy.c_str(), bytes) == 1) {
    return V4(bytes);
  }
  if (inet_pton(AF_INET6, copy.c_str(), bytes) == 1) {
    return V6(bytes);
  }
  return std::nullopt;
}

std::optional<IpAddress> IpAddress::Of(const sockaddr& address) {
  uint8_t bytes[sizeof(in6_addr)];
  if (address.sa_family == AF_INET) {
    std::memcpy(bytes, &reinterpret_cast<const sockaddr_in&>(address).sin_addr, kV4Bytes);
    return V4(bytes);
  }
  if (address.sa_family == AF_INET6) {
    std::memcpy(bytes, &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr, sizeof bytes);
    return V6(bytes);
  }
  return std::nullopt;
}

std::string IpAddress::ToString() const {
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(is_v6_ ? AF_INET6 : AF_INET, bytes_.data(), text, sizeof text);
  return text;
}

bool IpAddress::IsLoopback() const { return is_v6_ ? *this == Parse("::1") : bytes_[0] == 127; }

std::optional<IpAddress> IpAddress::Embedded() const {
  if (is_v6_ && StartsWith(bytes_, kNat64)) {
    return V4(bytes_.data() + sizeof kNat64);
  }
  if (is_v6_ && StartsWith(bytes_, k6to4)) {
    return V4(bytes_.data() + sizeof k6to4);
  }
  return std::nullopt;
}

std::optional<Network> Network::Parse(absl::string_view text) {
  const size_t slash = text.find('/');
  const std::optional<IpAddress> address = IpAddress::Parse(text.substr(0, slash));
  int bits = 0;
  if (slash == absl::string_view::npos || !address.has_value() ||
      !std::all_of(text.begin() + slash + 1, text.end(), absl::ascii_isdigit) ||
      !absl::SimpleAtoi(text.substr(slash + 1), &bits) || bits > (address->is_v6() ? 128 : 32)) {
    return std::nullopt;
  }
  return Network(*address, bits);
}

bool Network::Contains(const IpAddress& address) const {
  if (address.is_v6() != address_.is_v6()) {
    return false;
  }
  for (int bit = 0; bit < bits_; ++bit) {
    const int shift = 7 - bit % 8;
    if (((address.bytes()[bit / 8] ^ address_.bytes()[bit / 8]) >> shift & 1) != 0) {
      return false;
    }
  }
  return true;
}

}  // namespace holkas
