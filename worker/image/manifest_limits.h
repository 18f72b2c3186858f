#ifndef HOLKAS_WORKER_IMAGE_MANIFEST_LIMITS_H_
#define HOLKAS_WORKER_IMAGE_MANIFEST_LIMITS_H_

#include <cstddef>
#include <cstdint>

// What bounds the loops over a manifest.

namespace holkas {

// A manifest is never larger than this, whatever its source (OCI distribution-spec asks registries
// to take 4 MiB).
inline constexpr int64_t kMaxManifestBytes = 4 << 20;
// A configuration is never larger than this.
inline constexpr int64_t kMaxConfigBytes = 4 << 20;
// An image never has more layers than this.
inline constexpr size_t kMaxLayers = 1000;
// An index never lists more images than this.
inline constexpr size_t kMaxIndexEntries = 10000;

}  // namespace holkas

#endif  // HOLKAS_WORKER_IMAGE_MANIFEST_LIMITS_H_
