#ifndef HOLKAS_WORKER_CRYPT_RSA_H_
#define HOLKAS_WORKER_CRYPT_RSA_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "worker/crypt/openssl_pointers.h"

namespace holkas {

// How short messages are encrypted with RSA (RFC 8017): by OAEP with one hash or the other, or as
// CMS does it still (PKCS #1 1.5).
enum class RsaPadding { kOaepSha1, kOaepSha256, kPkcs1 };

bool IsRsa(const EVP_PKEY* key);

// `key` is one of RSA, public or private.
// Errors: INVALID_ARGUMENT where the message is too long; INTERNAL.
absl::StatusOr<std::string> RsaEncrypt(EVP_PKEY* key, RsaPadding padding,
                                       absl::string_view message);

// `key` is a private one of RSA.
// Errors: INVALID_ARGUMENT where `encrypted` is not for the key, as far as the padding tells.
absl::StatusOr<std::string> RsaDecrypt(EVP_PKEY* key, RsaPadding padding,
                                       absl::string_view encrypted);

}  // namespace holkas

#endif  // HOLKAS_WORKER_CRYPT_RSA_H_
