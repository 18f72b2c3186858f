#ifndef HOLKAS_WORKER_CRYPT_PGP_UNLOCK_H_
#define HOLKAS_WORKER_CRYPT_PGP_UNLOCK_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "worker/crypt/openssl_pointers.h"
#include "worker/crypt/pgp_key.h"

namespace holkas {

// The private key of `key.secret` (RFC 4880, sections 3.7 and 5.5.3); `password` opens it where it
// is locked, and is not looked at where it is not. Hashes up to 65 million bytes for a password, as
// the key says, or twice as many where its cipher's key is longer than the hash: tenths of a
// second. Errors: INVALID_ARGUMENT (PASSWORD_MISSING, PASSWORD_WRONG), or without a reason where
// there is none, as for a smart card's key, or where it is locked with another cipher than AES;
// INTERNAL.
absl::StatusOr<UniquePkey> UnlockPgpKey(const PgpKey& key, absl::string_view password);

}  // namespace holkas

#endif  // HOLKAS_WORKER_CRYPT_PGP_UNLOCK_H_
