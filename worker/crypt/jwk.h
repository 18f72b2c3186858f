#ifndef HOLKAS_WORKER_CRYPT_JWK_H_
#define HOLKAS_WORKER_CRYPT_JWK_H_

#include "absl/status/statusor.h"
#include "worker/crypt/openssl_pointers.h"
#include "worker/image/json_value.h"

namespace holkas {

// JSON Web Keys (RFC 7517; RFC 7518, section 6): of RSA, and of EC on P-256, P-384 and P-521.

// A key; a private one where it has its private part.
// Errors: INVALID_ARGUMENT for what is none, or a point that is not on its curve; UNIMPLEMENTED for
// another type or curve.
absl::StatusOr<UniquePkey> ParseJwk(const JsonValue& jwk);

// The public part of `key`, which IsOnNistCurve, with the members in the order of the
// specification.
// Errors: INTERNAL.
absl::StatusOr<JsonValue> WriteEcJwk(const EVP_PKEY* key);

}  // namespace holkas

#endif  // HOLKAS_WORKER_CRYPT_JWK_H_
