#ifndef HOLKAS_SERVICE_POLICY_NETWORK_H_
#define HOLKAS_SERVICE_POLICY_NETWORK_H_

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace holkas {

// An IPv4 or IPv6 address. An IPv4-mapped one (::ffff:10.0.0.1) is the IPv4 address.
class IpAddress {
 public:
  using Bytes = std::array<uint8_t, 16>;

  // From the usual spelling: a dotted quad, or IPv6 without a zone.
  static std::optional<IpAddress> Parse(absl::string_view text);
  // Nothing for other families.
  static std::optional<IpAddress> Of(const sockaddr& address);

  bool is_v6() const { return is_v6_; }
  // In the order of the network; of an IPv4 address the first four, the others 0.
  const Bytes& bytes() const { return bytes_; }
  std::string ToString() const;
  // 127.0.0.0/8 or ::1.
  bool IsLoopback() const;

  // The IPv4 address that an IPv6 address leads to by translation (NAT64, RFC 6052) or by a tunnel
  // (6to4, RFC 3056); nothing where it does not.
  std::optional<IpAddress> Embedded() const;

  bool operator==(const IpAddress& other) const = default;

 private:
  static IpAddress V4(const uint8_t* bytes);
  static IpAddress V6(const uint8_t* bytes);

  bool is_v6_ = false;
  Bytes bytes_ = {};
};

// A network in CIDR notation.
class Network {
 public:
  // `10.0.0.0/8`, `fd00::/8`. Bits behind the prefix do not matter.
  static std::optional<Network> Parse(absl::string_view text);

  // Of the same family, and with the same prefix.
  bool Contains(const IpAddress& address) const;

 private:
  Network(const IpAddress& address, int bits) : address_(address), bits_(bits) {}

  IpAddress address_;
  int bits_;
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_POLICY_NETWORK_H_
