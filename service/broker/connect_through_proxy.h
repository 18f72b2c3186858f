#ifndef HOLKAS_SERVICE_BROKER_CONNECT_THROUGH_PROXY_H_
#define HOLKAS_SERVICE_BROKER_CONNECT_THROUGH_PROXY_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/wire/unique_fd.h"
#include "service/broker/cancellation.h"
#include "service/broker/proxy_settings.h"
#include "service/broker/resolver.h"
#include "service/broker/tls_relays.h"

namespace holkas {

// Connects to `proxy` and has it make a tunnel to `host` (lower case, without brackets), by CONNECT
// (RFC 9110, 9.3.6) or SOCKS 5. The socket is as ConnectFirst makes it; for a proxy over TLS it is
// one of `relays`. Nothing behind the proxy's answer is read: the tunnel's first byte is the
// worker's. `host` is not looked up here: the proxy does that.
// Errors: UNAVAILABLE (REGISTRY_UNAVAILABLE) where the proxy is not reached, is not who it should
// be, refuses, or does not answer in time; RESOURCE_EXHAUSTED of `relays`; CANCELLED. They name the
// proxy's host, never its user.
absl::StatusOr<UniqueFd> ConnectThroughProxy(const Proxy& proxy, const std::string& host,
                                             uint16_t port, Resolver& resolver, TlsRelays& relays,
                                             absl::Time deadline, const Cancellation& cancellation);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_BROKER_CONNECT_THROUGH_PROXY_H_
