#ifndef HOLKAS_WORKER_CRYPT_PGP_ALGORITHMS_H_
#define HOLKAS_WORKER_CRYPT_PGP_ALGORITHMS_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "worker/crypt/openssl_pointers.h"

namespace holkas {

// The algorithms of OpenPGP by their numbers (RFC 4880, section 9), as many as are here: AES and
// SHA. All others are weak, or in no key that GnuPG has made in the last twenty years.

inline constexpr int kPgpAes256 = 9;
inline constexpr size_t kPgpBlockBytes = 16;
inline constexpr size_t kPgpSha1Bytes = 20;

// The bytes of a key of the cipher; 0 for those that are not here.
size_t PgpKeyBytes(int cipher);

// Null for those that are not here.
const EVP_MD* PgpHash(int hash);

// The SHA-1 of `text`, kPgpSha1Bytes, with which OpenPGP names keys and finds out changes.
// Errors: INTERNAL.
absl::StatusOr<std::string> PgpSha1(absl::string_view text);

// AES in cipher feedback mode. `key` is as long as PgpKeyBytes says, `iv` as a block.
// Errors: INVALID_ARGUMENT without a reason for other sizes; INTERNAL.
absl::StatusOr<std::string> EncryptPgpCfb(absl::string_view key, absl::string_view iv,
                                          absl::string_view plain);
absl::StatusOr<std::string> DecryptPgpCfb(absl::string_view key, absl::string_view iv,
                                          absl::string_view encrypted);

// Random bytes that are a secret.
// Errors: INTERNAL.
absl::StatusOr<std::string> PgpRandom(size_t size);

}  // namespace holkas

#endif  // HOLKAS_WORKER_CRYPT_PGP_ALGORITHMS_H_
