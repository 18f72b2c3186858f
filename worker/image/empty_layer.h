#ifndef HOLKAS_WORKER_IMAGE_EMPTY_LAYER_H_
#define HOLKAS_WORKER_IMAGE_EMPTY_LAYER_H_

#include "absl/strings/string_view.h"

namespace holkas {

// The layer that stands in schema 1 for one that changes nothing: a tar archive of no files, by
// gzip. Its bytes are Docker's, whose digest registries and tools know.
inline constexpr absl::string_view kEmptyLayer(
    "\x1f\x8b\x08\x00\x00\x09\x6e\x88\x00\xff\x62\x18\x05\xa3\x60\x14"
    "\x8c\x58\x00\x08\x00\x00\xff\xff\x2e\xaf\xb5\xef\x00\x04\x00\x00",
    32);
inline constexpr absl::string_view kEmptyLayerDigest =
    "sha256:a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4";

}  // namespace holkas

#endif  // HOLKAS_WORKER_IMAGE_EMPTY_LAYER_H_
