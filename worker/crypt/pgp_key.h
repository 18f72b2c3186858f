#ifndef HOLKAS_WORKER_CRYPT_PGP_KEY_H_
#define HOLKAS_WORKER_CRYPT_PGP_KEY_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/wire/wipe.h"
#include "worker/crypt/openssl_pointers.h"

namespace holkas {

// A key packet of OpenPGP (RFC 4880, section 5.5), of version 4, in so far as session keys can be
// encrypted with it: RSA, and ECDH (RFC 6637).

inline constexpr int kPgpRsa = 1;
inline constexpr int kPgpRsaEncryptOnly = 2;
inline constexpr int kPgpEcdh = 18;

struct PgpKey {
  PgpKey() = default;
  PgpKey(PgpKey&&) = default;
  PgpKey& operator=(PgpKey&&) = default;
  ~PgpKey() { Wipe(secret); }

  static constexpr size_t kFingerprintBytes = 20;
  static constexpr size_t kIdBytes = 8;

  // The end of the fingerprint; empty where that is.
  absl::string_view id() const {
    const absl::string_view whole = fingerprint;
    return whole.empty() ? whole : whole.substr(kFingerprintBytes - kIdBytes);
  }

  // Empty where `public_key` is null and the packet has a secret.
  std::string fingerprint;
  // Seconds since 1970.
  uint32_t created = 0;
  int algorithm = 0;
  // Null where the algorithm encrypts nothing, or is not here.
  UniquePkey public_key;

  // Of ECDH alone: its curve, the point on it, and what the agreed secret goes through.
  std::string curve;
  std::string point;
  int kdf_hash = 0;
  int kdf_cipher = 0;

  // The secret key as the packet has it, locked or not; empty where `public_key` is null.
  std::string secret;
};

// The body of a packet of a secret key, or of a public one.
// Errors: INVALID_ARGUMENT without a reason where it is malformed or of another version; INTERNAL.
absl::StatusOr<PgpKey> ParsePgpKey(absl::string_view body, bool has_secret);

}  // namespace holkas

#endif  // HOLKAS_WORKER_CRYPT_PGP_KEY_H_
