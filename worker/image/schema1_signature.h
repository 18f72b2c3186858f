#ifndef HOLKAS_WORKER_IMAGE_SCHEMA1_SIGNATURE_H_
#define HOLKAS_WORKER_IMAGE_SCHEMA1_SIGNATURE_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "worker/image/manifest.h"

namespace holkas {

// The manifest of schema 1 with the payload, signed with a key that is made for it and then
// forgotten: registries take no other, and nobody learns anything from the signature. The form is
// that of Docker's libtrust (a JWS, RFC 7515, in the manifest itself; ES256, RFC 7518). `payload`
// is compact JSON (Schema1Manifest::ToJson); `now` is recorded in the signature. Errors: those of
// Manifest::Parse; INTERNAL where no key can be made.
absl::StatusOr<Manifest> SignSchema1(absl::string_view payload, absl::Time now);

}  // namespace holkas

#endif  // HOLKAS_WORKER_IMAGE_SCHEMA1_SIGNATURE_H_
