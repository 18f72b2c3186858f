#ifndef HOLKAS_SERVICE_POLICY_ADDRESS_POLICY_H_
#define HOLKAS_SERVICE_POLICY_ADDRESS_POLICY_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "service/policy/network.h"

namespace holkas {

// Where a worker may be led by what it read, or by a caller whom nobody vouches for: to public
// addresses of the internet alone. A registry could else make holkasd reach into the network that
// it stands in (a redirect to 169.254.169.254, say). Both checks are made: the name before it is
// looked up, and each address that it gives, so that no later answer of a name server matters.

// Whether a host that somebody named may be looked up: a DNS name, a dotted-quad IPv4 address or
// an IPv6 address, in no other spelling.
// Errors: PERMISSION_DENIED (ADDRESS_DENIED), with the reason in the message.
absl::Status CheckRedirectHost(absl::string_view host);

// Whether an address may be connected to: it is public, none of this host's own, and in none of the
// networks that the administrator denies. An IPv6 address that stands for an IPv4 address (mapped,
// NAT64, 6to4) is judged as that one.
// Errors: PERMISSION_DENIED (ADDRESS_DENIED), with the kind of address in the message.
absl::Status CheckAddress(const IpAddress& address, const std::vector<Network>& denied_networks);

// All of this that can be said about `host` before it is looked up: CheckRedirectHost, and
// CheckAddress where it is an address.
absl::Status CheckHost(absl::string_view host, const std::vector<Network>& denied_networks);

// The parts of CheckAddress.
absl::Status CheckPublicAddress(const IpAddress& address);
absl::Status CheckNotOwnAddress(const IpAddress& address);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_POLICY_ADDRESS_POLICY_H_
