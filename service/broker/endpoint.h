#ifndef HOLKAS_SERVICE_BROKER_ENDPOINT_H_
#define HOLKAS_SERVICE_BROKER_ENDPOINT_H_

#include <sys/socket.h>

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace holkas {

// An IPv4 or IPv6 address with a port.
struct Endpoint {
  sockaddr_storage storage = {};
  socklen_t size = 0;

  const sockaddr& address() const { return reinterpret_cast<const sockaddr&>(storage); }
  bool is_v6() const { return storage.ss_family == AF_INET6; }
  // `127.0.0.1:443`, `[::1]:443`.
  std::string ToString() const;

  // From an address in its usual spelling; size 0 where it is none. For tests, and for hosts that
  // are addresses.
  static Endpoint FromText(absl::string_view address, uint16_t port);
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_BROKER_ENDPOINT_H_
