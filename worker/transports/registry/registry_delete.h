#ifndef HOLKAS_WORKER_TRANSPORTS_REGISTRY_REGISTRY_DELETE_H_
#define HOLKAS_WORKER_TRANSPORTS_REGISTRY_REGISTRY_DELETE_H_

#include "absl/status/statusor.h"
#include "proto/wire/digest.h"
#include "worker/transports/registry/registry_client.h"
#include "worker/transports/transport.h"

namespace holkas {

// Deletes an image of a registry, or its tag: a row of transports.cc.
absl::StatusOr<Digest> DeleteRegistryImage(const TransportContext& context,
                                           const broker::ImageLocation& location, bool only_tag);

// Deletes the manifest that the client's image stands for (OCI distribution-spec, end-9), and with
// it all its tags. Result: its digest. A deletion whose answer was lost counts as done where the
// manifest is gone.
// Errors: NOT_FOUND (MANIFEST_UNKNOWN); FAILED_PRECONDITION (DELETE_DISABLED); those of reading a
// manifest (registry_manifest.h).
absl::StatusOr<Digest> DeleteWithTags(RegistryClient& client);

// Deletes the tag of the client's image alone. Result: the digest that it stood for. Where the
// registry does not delete tags, the tag is moved to a manifest made for the purpose, a
// placeholder, which is then deleted by its digest; a registry that deletes nothing is found out
// before, and where a later step fails the tag is moved back. The manifest that it stood for is
// never deleted. Errors, beside those of DeleteWithTags: FAILED_PRECONDITION (TAG_CHANGED) where
// somebody else was seen to move the tag; UNIMPLEMENTED (MEDIA_TYPE_UNSUPPORTED) where the registry
// does not say the manifest's type, so that it could not be put back.
absl::StatusOr<Digest> DeleteOnlyTag(RegistryClient& client);

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_REGISTRY_REGISTRY_DELETE_H_
