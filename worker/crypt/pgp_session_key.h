#ifndef HOLKAS_WORKER_CRYPT_PGP_SESSION_KEY_H_
#define HOLKAS_WORKER_CRYPT_PGP_SESSION_KEY_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "worker/crypt/openssl_pointers.h"
#include "worker/crypt/pgp_key.h"

namespace holkas {

// The packet that tells one recipient of an OpenPGP message what it is encrypted with (RFC 4880,
// section 5.1; RFC 6637, section 10), of version 3.

// The key of a message.
struct PgpSessionKey {
  // As PgpKeyBytes takes it.
  int cipher = 0;
  std::string key;
};

// The packet's body. `recipient.public_key` is there.
// Errors: INTERNAL.
absl::StatusOr<std::string> WrapPgpSessionKey(const PgpSessionKey& session,
                                              const PgpKey& recipient);

// Whether the packet may be for the key: it names it, or nobody.
bool IsForPgpKey(absl::string_view body, const PgpKey& key);

// What is in the packet; `private_key` is that of `key`. A key that is not well padded is replaced
// by a random one, so that nobody learns of the private key from it: the message then does not
// open. Errors: INVALID_ARGUMENT without a reason where it is malformed, or not for ECDH's key.
absl::StatusOr<PgpSessionKey> UnwrapPgpSessionKey(absl::string_view body, const PgpKey& key,
                                                  EVP_PKEY* private_key);

}  // namespace holkas

#endif  // HOLKAS_WORKER_CRYPT_PGP_SESSION_KEY_H_
