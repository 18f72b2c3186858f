#ifndef HOLKAS_WORKER_TRANSPORTS_REGISTRY_REGISTRY_MANIFEST_H_
#define HOLKAS_WORKER_TRANSPORTS_REGISTRY_REGISTRY_MANIFEST_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/wire/digest.h"
#include "worker/image/manifest.h"
#include "worker/transports/registry/registry_client.h"

namespace holkas {

// Manifests of the client's repository (OCI distribution-spec, end-3 and end-7), for whoever reads,
// writes or deletes images there.

// The manifest that `reference`, a tag or a digest, stands for. With `wanted` its digest is that,
// otherwise it is compared with Docker-Content-Digest where the registry sends one. Of a signed
// manifest of schema 1 the digest is that of its payload (proto/wire/manifest_digest.h): the bytes
// around it are anything until Manifest::Parse read them.
// Errors: RegistryAnswerError's; DATA_LOSS (CONTENT_MISMATCH); RESOURCE_EXHAUSTED (LIMIT_EXCEEDED)
// where it has more than kMaxManifestBytes; those of RegistryClient::Send.
absl::StatusOr<RawManifest> GetRegistryManifest(RegistryClient& client,
                                                const std::string& reference,
                                                const std::optional<Digest>& wanted);

// Stores the manifest under `reference`, a tag or its digest.
// Errors: RegistryAnswerError's; DATA_LOSS (CONTENT_MISMATCH) where the registry stored another
// digest; those of RegistryClient::Send.
absl::Status PutRegistryManifest(RegistryClient& client, const std::string& reference,
                                 absl::string_view bytes, const std::string& media_type,
                                 const Digest& digest);

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_REGISTRY_REGISTRY_MANIFEST_H_
