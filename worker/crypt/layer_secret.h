#ifndef HOLKAS_WORKER_CRYPT_LAYER_SECRET_H_
#define HOLKAS_WORKER_CRYPT_LAYER_SECRET_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/wire/digest.h"

namespace holkas {

// The key of one encrypted layer: AES-256 in counter mode, and HMAC-SHA256 with the same key.
struct LayerKey {
  static constexpr size_t kKeyBytes = 32;
  static constexpr size_t kNonceBytes = 16;

  // Random ones.
  // Errors: INTERNAL where there is no randomness.
  static absl::StatusOr<LayerKey> New();

  // kKeyBytes.
  std::string key;
  // The first counter; kNonceBytes.
  std::string nonce;
};

// What only who may read the layer is told: ocicrypt's private options, which are wrapped for each
// recipient.
struct LayerSecret {
  LayerKey key;
  // Of the layer before it was encrypted.
  Digest plain_digest;
};

// As JSON, byte for byte as ocicrypt writes it.
std::string WriteLayerSecret(const LayerSecret& secret);

// Errors: INVALID_ARGUMENT without a reason, also for keys and nonces of another size;
// UNIMPLEMENTED for a digest of an algorithm that is not here.
absl::StatusOr<LayerSecret> ParseLayerSecret(absl::string_view json);

}  // namespace holkas

#endif  // HOLKAS_WORKER_CRYPT_LAYER_SECRET_H_
