#ifndef HOLKAS_WORKER_CRYPT_LAYER_CIPHER_H_
#define HOLKAS_WORKER_CRYPT_LAYER_CIPHER_H_

#include <cstddef>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "worker/crypt/layer_secret.h"
#include "worker/crypt/openssl_pointers.h"

namespace holkas {

// AES_256_CTR_HMAC_SHA256, the cipher of encrypted layers: AES-256 in counter mode, and an
// HMAC-SHA256 over what is encrypted. EncryptingSource and DecryptingSource are made of it. Not
// thread-safe.
class LayerCipher {
 public:
  static constexpr size_t kHmacBytes = 32;

  // Errors: INVALID_ARGUMENT where the key's parts have other sizes than they must.
  static absl::StatusOr<LayerCipher> New(const LayerKey& key);

  // Makes the next bytes of the one of the next bytes of the other, as many. `to` has room for
  // them.
  absl::Status Encrypt(absl::string_view plain, char* to);
  absl::Status Decrypt(absl::string_view encrypted, char* to);

  // The HMAC of all that is encrypted. Once, at the end.
  absl::StatusOr<std::string> FinishHmac();

 private:
  LayerCipher(UniqueCipher cipher, UniqueMacContext mac)
      : cipher_(std::move(cipher)), mac_(std::move(mac)) {}

  absl::Status Apply(absl::string_view from, char* to);
  absl::Status AddToHmac(absl::string_view encrypted);

  UniqueCipher cipher_;
  UniqueMacContext mac_;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_CRYPT_LAYER_CIPHER_H_
