#ifndef HOLKAS_WORKER_CRYPT_PGP_PASSWORD_H_
#define HOLKAS_WORKER_CRYPT_PGP_PASSWORD_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "worker/crypt/openssl_pointers.h"
#include "worker/crypt/pgp_fields.h"

namespace holkas {

// How a password becomes the key that locks a secret key of OpenPGP ("string to key": RFC 4880,
// section 3.7).
struct PgpPasswordHash {
  const EVP_MD* hash = nullptr;
  std::string salt;
  // How many bytes are hashed at least: salt and password, again and again. 65 million at most.
  size_t count = 0;
};

// Errors: INVALID_ARGUMENT without a reason where it is malformed, or a way that is not here.
absl::StatusOr<PgpPasswordHash> ReadPgpPasswordHash(PgpReader& reader);

// A key of `size` bytes. Hashes all anew for each hash's length of it. `password` is not empty.
// Errors: INTERNAL.
absl::StatusOr<std::string> HashPgpPassword(const PgpPasswordHash& how, absl::string_view password,
                                            size_t size);

}  // namespace holkas

#endif  // HOLKAS_WORKER_CRYPT_PGP_PASSWORD_H_
