#ifndef HOLKAS_WORKER_STORAGE_PLAIN_MANIFEST_H_
#define HOLKAS_WORKER_STORAGE_PLAIN_MANIFEST_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "worker/image/manifest.h"
#include "worker/storage/records.h"

namespace holkas {

// A store keeps an image's manifest as it came, and its layers unpacked: the compressed blobs that
// the manifest names are not there, and nobody can make the same bytes again. An image is therefore
// copied out with the tars of its layers in their place.

// `manifest`, one of an image, with layers that are the tars of `layers`, the base layer first;
// members that are not about this stay as they are. Unchanged where the tars are what it names.
// Errors: FAILED_PRECONDITION (INVALID_MANIFEST) where the layers are not those of the manifest.
absl::StatusOr<std::string> WithPlainLayers(const Manifest& manifest,
                                            const std::vector<LayerRecord>& layers);

}  // namespace holkas

#endif  // HOLKAS_WORKER_STORAGE_PLAIN_MANIFEST_H_
