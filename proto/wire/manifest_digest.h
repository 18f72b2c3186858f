#ifndef HOLKAS_PROTO_WIRE_MANIFEST_DIGEST_H_
#define HOLKAS_PROTO_WIRE_MANIFEST_DIGEST_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/wire/digest.h"

namespace holkas {

// The SHA-256 digest by which registries know a manifest: that of its exact bytes, but of a signed
// Docker schema 1 manifest that of its payload, which is the manifest as it was before signatures
// (JWS) were put into it. Neither those nor the keys in them are verified. Bytes of any kind have a
// digest.
// Errors: FAILED_PRECONDITION (INVALID_MANIFEST) for signatures that do not say what the payload
// is, with Skopeo's text where that has one.
absl::StatusOr<Digest> ManifestDigest(absl::string_view manifest);

// The bytes that a manifest's digest is that of. Of a signed one they may say anything else than
// the manifest itself does: who reads a signed manifest compares the two (worker/image/manifest.h).
// Errors: as ManifestDigest.
absl::StatusOr<std::string> ManifestPayload(absl::string_view manifest);

}  // namespace holkas

#endif  // HOLKAS_PROTO_WIRE_MANIFEST_DIGEST_H_
