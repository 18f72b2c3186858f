#ifndef HOLKAS_WORKER_IMAGE_REWRITE_MANIFEST_H_
#define HOLKAS_WORKER_IMAGE_REWRITE_MANIFEST_H_

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "proto/wire/digest.h"
#include "worker/blob/compression.h"
#include "worker/image/manifest.h"

namespace holkas {

// What a layer was made into.
struct MadeLayer {
  Digest digest;
  int64_t size_bytes = 0;
  Compression compression = Compression::kNone;
  // What it says of itself; takes the place of annotations about the old bytes.
  std::map<std::string, std::string> annotations = {};
  // Its type; empty: the old one's, with the compression.
  std::string media_type = {};
};

// The manifest of `image` (not is_index()) whose layers were made into others, by their old
// digests; the configuration stays. Written byte for byte as Skopeo writes it. Errors:
// UNIMPLEMENTED (MEDIA_TYPE_UNSUPPORTED) where the manifest's type has no layers of such a
// compression; those of Manifest::Parse.
absl::StatusOr<Manifest> ReplaceLayers(const Manifest& image,
                                       const std::map<Digest, MadeLayer>& made);

// The OCI index of which images (not indexes) were made into others: by their old digests, what
// they are now, whose annotations are added. Everything else of the index stays. Errors: those of
// Manifest::Parse.
absl::StatusOr<Manifest> ReplaceImages(const Manifest& index,
                                       const std::map<Digest, Descriptor>& made);

}  // namespace holkas

#endif  // HOLKAS_WORKER_IMAGE_REWRITE_MANIFEST_H_
