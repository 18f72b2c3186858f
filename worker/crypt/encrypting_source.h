#ifndef HOLKAS_WORKER_CRYPT_ENCRYPTING_SOURCE_H_
#define HOLKAS_WORKER_CRYPT_ENCRYPTING_SOURCE_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "worker/blob/byte_source.h"
#include "worker/crypt/layer_cipher.h"
#include "worker/crypt/layer_secret.h"

namespace holkas {

// The bytes of a layer, encrypted while they are read. There are as many as there were.
class EncryptingSource : public ByteSource {
 public:
  // Takes over `plain`, which checks itself.
  // Errors: as LayerCipher::New.
  static absl::StatusOr<std::unique_ptr<EncryptingSource>> New(std::unique_ptr<ByteSource> plain,
                                                               const LayerKey& key);

  // Errors: those of the source; INTERNAL.
  absl::StatusOr<size_t> Read(absl::Span<char> buffer) override;

  // The HMAC of what was encrypted, once Read has told the end; until then empty.
  const std::string& hmac() const { return hmac_; }

 private:
  EncryptingSource(std::unique_ptr<ByteSource> plain, LayerCipher cipher);

  // Who gives what is in it may be hashing it until the next piece, or until its own destruction.
  const std::unique_ptr<char[]> buffer_;
  const std::unique_ptr<ByteSource> plain_;
  LayerCipher cipher_;
  // What of the last piece is not encrypted yet.
  absl::string_view rest_;
  std::string hmac_;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_CRYPT_ENCRYPTING_SOURCE_H_
