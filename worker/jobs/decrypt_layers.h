#ifndef HOLKAS_WORKER_JOBS_DECRYPT_LAYERS_H_
#define HOLKAS_WORKER_JOBS_DECRYPT_LAYERS_H_

#include <functional>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "broker/broker.pb.h"
#include "proto/wire/digest.h"
#include "worker/crypt/layer_secret.h"
#include "worker/image/descriptor.h"
#include "worker/image/manifest.h"

namespace holkas {

// A layer that is encrypted at its source, and what it takes to read it.
struct EncryptedLayer {
  // As the source has it.
  Descriptor descriptor;
  LayerKey key;
  std::string hmac;
};

// An image whose layers are to be decrypted on their way.
struct DecryptedImage {
  // With plain layers.
  Manifest manifest;
  // Those of them that are encrypted at the source, by their plain digest.
  std::map<Digest, EncryptedLayer> layers;
};

// As Broker::UnwrapKey.
using UnwrapKey =
    std::function<absl::StatusOr<broker::LayerKey>(const broker::WrappedKeys& wrapped)>;

// Finds out what the encrypted layers of `image` (not is_index()) are once they are decrypted,
// without reading them: their digest is told with their key, their size stays. An image without
// such layers stays as it is.
// Errors: FAILED_PRECONDITION (INVALID_ENCRYPTION) where a layer's annotations are malformed;
// UNIMPLEMENTED (OPTION_UNIMPLEMENTED) where its key is wrapped in ways alone that are not here;
// those of `unwrap`; RESOURCE_EXHAUSTED (LIMIT_EXCEEDED).
absl::StatusOr<DecryptedImage> DecryptLayers(const Manifest& image, const UnwrapKey& unwrap);

}  // namespace holkas

#endif  // HOLKAS_WORKER_JOBS_DECRYPT_LAYERS_H_
