#ifndef HOLKAS_WORKER_TRANSPORTS_REGISTRY_REGISTRY_BLOB_H_
#define HOLKAS_WORKER_TRANSPORTS_REGISTRY_REGISTRY_BLOB_H_

#include <string>

#include "absl/status/statusor.h"
#include "worker/image/descriptor.h"
#include "worker/transports/registry/registry_client.h"

namespace holkas {

// How a repository gets a blob without its bytes.

// Whether the client's repository has the blob. One of another size is none.
// Errors: RegistryAnswerError's.
absl::StatusOr<bool> HasRegistryBlob(RegistryClient& client, const Descriptor& blob);

// Mounts the blob from the repository `from` of the same registry. False where the registry does
// not, for whatever reason.
// Errors: those of RegistryClient::Send.
absl::StatusOr<bool> MountRegistryBlob(RegistryClient& client, const Descriptor& blob,
                                       const std::string& from);

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_REGISTRY_REGISTRY_BLOB_H_
