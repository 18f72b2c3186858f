#ifndef HOLKAS_WORKER_CONFINE_CAPABILITIES_H_
#define HOLKAS_WORKER_CONFINE_CAPABILITIES_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/types/span.h"

namespace holkas {

// Keeps the capabilities `keep` (CAP_... numbers) in the permitted and effective sets and drops all
// others; empties the inheritable and ambient sets.
absl::Status KeepCapabilities(absl::Span<const int> keep);

// Empties the bounding set and locks the securebits, so that being root gives nothing, for the
// process and all that it makes. A process without CAP_SETPCAP cannot do that and is left as it is:
// it could gain a capability only by executing a program, which no_new_privs makes worthless.
absl::Status ForbidNewCapabilities();

// Whether the capability is in the effective set.
bool HasCapability(int capability);

}  // namespace holkas

#endif  // HOLKAS_WORKER_CONFINE_CAPABILITIES_H_
