#ifndef HOLKAS_WORKER_IMAGE_LAYER_TYPES_H_
#define HOLKAS_WORKER_IMAGE_LAYER_TYPES_H_

#include <optional>

#include "absl/strings/string_view.h"
#include "worker/blob/compression.h"
#include "worker/image/manifest.h"

namespace holkas {

// What a layer's media type says of its compression, and what it becomes with another one.

// The compression of layers of the type; nothing for types that are none of a layer's, or of an
// encrypted one's.
std::optional<Compression> CompressionOfLayerType(absl::string_view media_type);

// The type of the same layer in another compression; empty where there is none: Docker has no zstd,
// nobody has bzip2 and xz.
absl::string_view LayerTypeWith(absl::string_view media_type, Compression compression);

// Whether the layers of `image` are file systems, and not something else that is kept in the form
// of an image.
bool HasFileSystemLayers(const ImageManifest& image);

}  // namespace holkas

#endif  // HOLKAS_WORKER_IMAGE_LAYER_TYPES_H_
