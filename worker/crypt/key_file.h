#ifndef HOLKAS_WORKER_CRYPT_KEY_FILE_H_
#define HOLKAS_WORKER_CRYPT_KEY_FILE_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "worker/crypt/openssl_pointers.h"

namespace holkas {

// What users keep keys in: PEM (RFC 7468), DER or a JSON Web Key. Keys are of RSA, or of EC on
// P-256, P-384 or P-521. Nothing is ever asked of a terminal.
//
// Errors everywhere: INVALID_ARGUMENT (INVALID_KEY) in Skopeo's words for what is no such key.

// `SubjectPublicKeyInfo`, or a JSON Web Key.
absl::StatusOr<UniquePkey> ParsePublicKey(absl::string_view file);

// A certificate with a key of RSA.
absl::StatusOr<UniqueCertificate> ParseRsaCertificate(absl::string_view file);

// PKCS #8, PKCS #1, SEC 1 or a JSON Web Key; `password` opens the first three where they are
// encrypted, and is not looked at where they are not. Null for what is something else, such as a
// certificate: users give those along.
// Errors: INVALID_ARGUMENT (PASSWORD_MISSING, PASSWORD_WRONG) where it is encrypted, and `password`
// is empty or another.
absl::StatusOr<UniquePkey> ParsePrivateKey(absl::string_view file, absl::string_view password);

}  // namespace holkas

#endif  // HOLKAS_WORKER_CRYPT_KEY_FILE_H_
