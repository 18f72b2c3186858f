#ifndef HOLKAS_WORKER_CRYPT_ECDH_H_
#define HOLKAS_WORKER_CRYPT_ECDH_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "worker/crypt/openssl_pointers.h"

namespace holkas {

// Key agreement for JWE, ECDH-ES with AES Key Wrap (RFC 7518, section 4.6).

// Whether `key` is on one of NIST's curves P-256, P-384 and P-521.
bool IsOnNistCurve(const EVP_PKEY* key);

// A new key pair on the curve of `key`, which IsOnNistCurve.
// Errors: INTERNAL.
absl::StatusOr<UniquePkey> NewEphemeralKey(const EVP_PKEY* key);

// What both sides alone know: the x coordinate, as long as the curve's field.
// Errors: INVALID_ARGUMENT where the keys are on different curves.
absl::StatusOr<std::string> AgreeOnSecret(EVP_PKEY* own_private, EVP_PKEY* their_public);

// The key for `algorithm` that follows from the secret (NIST SP 800-56A, Concat KDF with SHA-256).
// `size` is at most 32 bytes; the party's information is as it was before base64.
std::string ConcatKdf(absl::string_view secret, absl::string_view algorithm, absl::string_view apu,
                      absl::string_view apv, size_t size);

// AES Key Wrap (RFC 3394). `kek`: 16, 24 or 32 bytes.
// Errors: INVALID_ARGUMENT for a size that there is not, or where `wrapped` is not for the key.
absl::StatusOr<std::string> AesWrap(absl::string_view kek, absl::string_view key);
absl::StatusOr<std::string> AesUnwrap(absl::string_view kek, absl::string_view wrapped);

}  // namespace holkas

#endif  // HOLKAS_WORKER_CRYPT_ECDH_H_
