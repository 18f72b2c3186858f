#ifndef HOLKAS_SERVICE_BROKER_CONNECT_FIRST_H_
#define HOLKAS_SERVICE_BROKER_CONNECT_FIRST_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/wire/unique_fd.h"
#include "service/broker/cancellation.h"
#include "service/broker/endpoint.h"

namespace holkas {

// Connects to the first of `endpoints` that answers (RFC 8305, happy eyeballs): families in turn,
// the next one after 250 ms or as soon as one has failed, all that began going on meanwhile. The
// socket is blocking, close-on-exec, without Nagle's delay, with keep-alive; all that a worker
// might want to set is set. Errors: UNAVAILABLE (REGISTRY_UNAVAILABLE) with the failure of the
// first endpoint, in the words of Go's net package; CANCELLED.
absl::StatusOr<UniqueFd> ConnectFirst(const std::vector<Endpoint>& endpoints, absl::Time deadline,
                                      const Cancellation& cancellation);

// The order in which ConnectFirst begins: as given, with the families taking turns.
std::vector<Endpoint> InterleaveFamilies(const std::vector<Endpoint>& endpoints);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_BROKER_CONNECT_FIRST_H_
