#ifndef HOLKAS_WORKER_CRYPT_PGP_MESSAGE_H_
#define HOLKAS_WORKER_CRYPT_PGP_MESSAGE_H_

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "worker/crypt/openssl_pointers.h"
#include "worker/crypt/pgp_key.h"

namespace holkas {

// Encrypted messages of OpenPGP (RFC 4880, section 11.3) in the form in which ocicrypt wraps the
// keys of layers: one literal packet, in a packet that protects its integrity (section 5.13),
// behind a session key for each recipient. What has no such protection is not read, nor what is
// signed, or encrypted with a password.

// A message is read for as many recipients at most, and an opener tries private keys as often.
inline constexpr size_t kMaxPgpRecipients = 64;
// The text of a message; a layer's secret has 200 bytes. Nothing is inflated beyond it.
inline constexpr size_t kMaxPgpTextBytes = 64 << 10;

// A secret key, and what may open it.
struct PgpDecryptionKey {
  PgpKey key;
  std::string password;
};

// With AES-256, for all of `recipients`, which are not empty and can encrypt.
// Errors: INTERNAL.
absl::StatusOr<std::string> EncryptPgp(absl::string_view message,
                                       absl::Span<const PgpKey> recipients);

// Opens messages with secret keys. However many messages there are, a key is unlocked once at most,
// and keys are tried kMaxPgpRecipients times. For one thread.
class PgpOpener {
 public:
  // `keys` outlive it.
  explicit PgpOpener(absl::Span<const PgpDecryptionKey> keys) : keys_(keys) {}

  // The message. Whatever is wrong with it is told alike. Nothing is handed out, nor looked at,
  // before its integrity is known. Errors: INVALID_ARGUMENT without a reason where it is malformed,
  // of other algorithms, for none of the keys, or they were tried too often; with one
  // (PASSWORD_MISSING, PASSWORD_WRONG) where it is for one that does not open.
  absl::StatusOr<std::string> Open(absl::string_view pgp);

 private:
  struct Envelope;

  static absl::StatusOr<Envelope> TakeApart(absl::string_view pgp);
  absl::StatusOr<std::string> OpenWith(const Envelope& envelope, absl::string_view session_key,
                                       size_t key);
  absl::StatusOr<EVP_PKEY*> Unlock(size_t key);

  const absl::Span<const PgpDecryptionKey> keys_;
  // By their places in keys_.
  std::map<size_t, absl::StatusOr<UniquePkey>> unlocked_;
  size_t attempts_ = 0;
};

// What an opener makes of one message alone.
absl::StatusOr<std::string> DecryptPgp(absl::string_view pgp,
                                       absl::Span<const PgpDecryptionKey> keys);

}  // namespace holkas

#endif  // HOLKAS_WORKER_CRYPT_PGP_MESSAGE_H_
