#ifndef HOLKAS_WORKER_CRYPT_PGP_SIGNATURE_H_
#define HOLKAS_WORKER_CRYPT_PGP_SIGNATURE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace holkas {

// What a signature of version 4 says of a key of OpenPGP (RFC 4880, section 5.2.3). It is read and
// not verified.
struct PgpSignature {
  // Its type: of a certification, a binding, a revocation.
  int kind = 0;
  // Seconds since 1970.
  uint32_t created = 0;
  // How long after it was made the key is valid; 0: for ever.
  uint32_t key_lifetime_seconds = 0;
  // Whether the key is for encrypting, as are those of which nothing is said.
  bool may_encrypt = true;
  // The id of the key that made it; empty where it says none.
  std::string issuer;
};

// The body of a packet.
// Errors: INVALID_ARGUMENT without a reason where it is malformed or of another version.
absl::StatusOr<PgpSignature> ParsePgpSignature(absl::string_view body);

}  // namespace holkas

#endif  // HOLKAS_WORKER_CRYPT_PGP_SIGNATURE_H_
