#ifndef HOLKAS_SERVICE_BROKER_SOCKS5_HANDSHAKE_H_
#define HOLKAS_SERVICE_BROKER_SOCKS5_HANDSHAKE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "service/broker/proxy_connection.h"
#include "service/broker/proxy_settings.h"

namespace holkas {

// Has a SOCKS 5 proxy (RFC 1928) make a tunnel to `host` (lower case, without brackets, fewer than
// 256 bytes): its name, where it is not an address, is for the proxy to look up. User and password
// (RFC 1929) are shown to a proxy that asks for them. Nothing behind the proxy's reply is read.
// Errors: those of ProxyConnection, also where the proxy refuses or does not keep to the protocol.
absl::Status Socks5Handshake(ProxyConnection& connection, const Proxy& proxy,
                             const std::string& host, uint16_t port);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_BROKER_SOCKS5_HANDSHAKE_H_
