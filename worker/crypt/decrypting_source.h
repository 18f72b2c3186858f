#ifndef HOLKAS_WORKER_CRYPT_DECRYPTING_SOURCE_H_
#define HOLKAS_WORKER_CRYPT_DECRYPTING_SOURCE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "worker/blob/byte_source.h"
#include "worker/crypt/layer_cipher.h"
#include "worker/crypt/layer_secret.h"

namespace holkas {

// The bytes of an encrypted layer, decrypted while they are read. The last of them are handed out
// only after the HMAC of all was found right, so that whoever has all bytes has what was encrypted.
// Whether that is what its author says, a VerifyingSource with the secret's digest tells.
class DecryptingSource : public ByteSource {
 public:
  // Takes over `encrypted`, a layer of `size_bytes`, of which a manifest says the HMAC.
  // Errors: as LayerCipher::New; INVALID_ARGUMENT for an HMAC of another size.
  static absl::StatusOr<std::unique_ptr<DecryptingSource>> New(
      std::unique_ptr<ByteSource> encrypted, const LayerKey& key, std::string hmac,
      int64_t size_bytes);

  // Errors, beside those of the source: DATA_LOSS (CONTENT_MISMATCH) where the HMAC or the size is
  // another.
  absl::StatusOr<size_t> Read(absl::Span<char> buffer) override;

 private:
  DecryptingSource(std::unique_ptr<ByteSource> encrypted, LayerCipher cipher, std::string hmac,
                   int64_t size_bytes);

  absl::Status CheckHmac();

  // Before the source, which may be hashing what is in it until it is destroyed.
  const std::unique_ptr<char[]> buffer_;
  const std::unique_ptr<ByteSource> encrypted_;
  LayerCipher cipher_;
  const std::string hmac_;
  // What the source has yet to give.
  int64_t left_bytes_;
  // What of the last piece is not decrypted yet.
  absl::string_view rest_;
  bool checked_ = false;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_CRYPT_DECRYPTING_SOURCE_H_
