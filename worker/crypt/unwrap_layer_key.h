#ifndef HOLKAS_WORKER_CRYPT_UNWRAP_LAYER_KEY_H_
#define HOLKAS_WORKER_CRYPT_UNWRAP_LAYER_KEY_H_

#include "absl/status/statusor.h"
#include "broker/broker.pb.h"

namespace holkas {

// Finds out the key of an encrypted layer: the first of the wrapped keys that one of the request's
// private keys opens. The job of an unwrap worker, which reads no image and has no peer; beside
// hostile bytes it sees the caller's private keys.
// Errors: INVALID_ARGUMENT (PASSWORD_MISSING, PASSWORD_WRONG) where a private key cannot be opened;
// FAILED_PRECONDITION, where there is no private key (KEY_MISSING), or none that fits
// (KEY_UNSUITABLE).
absl::StatusOr<broker::LayerKey> UnwrapLayerKey(const broker::UnwrapRequest& request);

}  // namespace holkas

#endif  // HOLKAS_WORKER_CRYPT_UNWRAP_LAYER_KEY_H_
