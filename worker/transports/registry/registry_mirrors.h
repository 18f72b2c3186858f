#ifndef HOLKAS_WORKER_TRANSPORTS_REGISTRY_REGISTRY_MIRRORS_H_
#define HOLKAS_WORKER_TRANSPORTS_REGISTRY_REGISTRY_MIRRORS_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "broker/broker.pb.h"
#include "worker/transports/registry/registry_client.h"
#include "worker/transports/transport.h"

namespace holkas {

// A registry that is read from, as one or more places to try: its mirrors, then itself.
using RegistryClients = std::vector<std::unique_ptr<RegistryClient>>;

// Clients for them, in the order in which to try them. Sends nothing yet.
// Errors: INVALID_ARGUMENT (INVALID_FIELD) for malformed certificates.
absl::StatusOr<RegistryClients> NewRegistryClients(const TransportContext& context,
                                                   const broker::RegistryImage& registry);

// The number of the first client with which `read` succeeds.
// Errors: those of `read` with the last client, the registry itself; the message tells of the
// mirrors' too, in Skopeo's words.
absl::StatusOr<size_t> FirstThatWorks(const RegistryClients& clients,
                                      const std::function<absl::Status(RegistryClient&)>& read);

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_REGISTRY_REGISTRY_MIRRORS_H_
