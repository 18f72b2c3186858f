#ifndef HOLKAS_WORKER_CRYPT_PGP_CURVE_H_
#define HOLKAS_WORKER_CRYPT_PGP_CURVE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "worker/crypt/openssl_pointers.h"

namespace holkas {

// Keys on the curves that OpenPGP's ECDH has here (RFC 6637; RFC 9580, section 9.2): P-256, P-384,
// P-521 and Curve25519, each called by its object identifier, as a key packet has it.

// `point` is as in a packet: uncompressed, or behind 0x40 for Curve25519.
// Errors: INVALID_ARGUMENT without a reason where it is none of the curve, or there is no such one.
absl::StatusOr<UniquePkey> PgpPublicPoint(absl::string_view curve, absl::string_view point);

// The key pair of which `point` is the public part, and `number` the secret one.
// Errors: as above.
absl::StatusOr<UniquePkey> PgpPrivateNumber(absl::string_view curve, absl::string_view point,
                                            absl::string_view number);

// A new key pair on the curve of `key`, which is one of the above.
// Errors: INTERNAL.
absl::StatusOr<UniquePkey> NewPgpEphemeral(const EVP_PKEY* key);

// The point of such a key, as in a packet.
// Errors: INTERNAL.
absl::StatusOr<std::string> WritePgpPoint(EVP_PKEY* key);

}  // namespace holkas

#endif  // HOLKAS_WORKER_CRYPT_PGP_CURVE_H_
