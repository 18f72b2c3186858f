#ifndef HOLKAS_WORKER_CRYPT_PGP_KEY_FILE_H_
#define HOLKAS_WORKER_CRYPT_PGP_KEY_FILE_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "worker/crypt/pgp_key.h"

namespace holkas {

// What users export keys of OpenPGP into (RFC 4880, section 11.1): a primary key with its names,
// its subkeys, and signatures that tell what each is for and for how long; armored or not. Which
// signatures count is told by whose they say they are; none is verified, as whoever hands a key
// over vouches for it.

// The key that messages for the owner of `file` are encrypted with: the newest of its subkeys that
// are made for it, neither expired at `now` nor revoked; or its primary key. Subkeys that are
// malformed are left out, with what is signed of them.
// Errors: INVALID_ARGUMENT (INVALID_KEY) where there is none, which tells of what was left out, or
// not one public key in the file.
absl::StatusOr<PgpKey> ParsePgpRecipient(absl::string_view file, absl::Time now);

// The secret keys in `file` that can decrypt, as many as a file may hold; each locked or not. None
// where it is something else, such as a public key.
std::vector<PgpKey> ParsePgpSecretKeys(absl::string_view file);

}  // namespace holkas

#endif  // HOLKAS_WORKER_CRYPT_PGP_KEY_FILE_H_
