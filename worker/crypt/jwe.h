#ifndef HOLKAS_WORKER_CRYPT_JWE_H_
#define HOLKAS_WORKER_CRYPT_JWE_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "worker/crypt/openssl_pointers.h"

namespace holkas {

// JSON Web Encryption (RFC 7516) of a short message in the JSON serialisations, as ocicrypt wraps
// the keys of layers. The message is encrypted with A256GCM, the key for it with RSA-OAEP or
// ECDH-ES+A256KW. Also read: RSA-OAEP-256, and the shorter keys of ECDH-ES and GCM.

// A message is read for as many recipients at most.
inline constexpr size_t kMaxJweRecipients = 64;

// For all of `recipients`, which are not empty; flattened where it is for one. Each is a public key
// of RSA, or IsOnNistCurve.
// Errors: INTERNAL.
absl::StatusOr<std::string> EncryptJwe(absl::string_view message,
                                       absl::Span<const UniquePkey> recipients);

// The message. Whatever is wrong is told alike, so that nobody learns of the key from it.
// Errors: INVALID_ARGUMENT without a reason where it is malformed, of other algorithms, or not for
// `key`, which is a private one as above.
absl::StatusOr<std::string> DecryptJwe(absl::string_view jwe, EVP_PKEY* key);

}  // namespace holkas

#endif  // HOLKAS_WORKER_CRYPT_JWE_H_
