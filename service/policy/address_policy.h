#ifndef HOLKAS_SERVICE_POLICY_ADDRESS_POLICY_H_
#define HOLKAS_SERVICE_POLICY_ADDRESS_POLICY_H_

#include <sys/socket.h>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace holkas {

// Where a worker may be led by what it read, rather than by what its caller named: to public
// addresses of the internet alone. A registry could else make holkasd reach into the network that
// it stands in (a redirect to 169.254.169.254, say). Both checks are made: the name before it is
// looked up, and each address that it gives, so that no later answer of a name server matters.

// Whether a host that a registry named may be looked up: a DNS name, a dotted-quad IPv4 address or
// an IPv6 address, in no other spelling.
// Errors: PERMISSION_DENIED (ADDRESS_DENIED), with the reason in the message.
absl::Status CheckRedirectHost(absl::string_view host);

// Whether an address that a registry led to is public. An IPv6 address that stands for an IPv4
// address (mapped, NAT64, 6to4) is judged as that one.
// Errors: PERMISSION_DENIED (ADDRESS_DENIED), with the kind of address in the message.
absl::Status CheckPublicAddress(const sockaddr& address);

// Whether the address is none of this host's own.
// Errors: PERMISSION_DENIED (ADDRESS_DENIED).
absl::Status CheckNotOwnAddress(const sockaddr& address);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_POLICY_ADDRESS_POLICY_H_
