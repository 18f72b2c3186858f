#ifndef HOLKAS_WORKER_TRANSPORTS_REGISTRY_REGISTRY_BLOB_END_H_
#define HOLKAS_WORKER_TRANSPORTS_REGISTRY_REGISTRY_BLOB_END_H_

#include <cstddef>
#include <string>

#include "worker/image/descriptor.h"
#include "worker/transports/registry/registry_client.h"

namespace holkas {

// The last `count` bytes of the blob, by a range request (RFC 9110, section 14), tried once; empty
// where the registry does not give them. Not verified. Blocks.
std::string ReadRegistryBlobEnd(RegistryClient& client, const Descriptor& blob, size_t count);

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_REGISTRY_REGISTRY_BLOB_END_H_
