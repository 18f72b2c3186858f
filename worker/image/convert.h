#ifndef HOLKAS_WORKER_IMAGE_CONVERT_H_
#define HOLKAS_WORKER_IMAGE_CONVERT_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/wire/digest.h"
#include "worker/image/descriptor.h"
#include "worker/image/manifest.h"

namespace holkas {

// Conversion between Docker's schema 2 and OCI, for destinations that do not take a source's type.
// Layers stay as they are; what is written is byte for byte what Skopeo writes, so that digests are
// the same. Annotations have no place in Docker's types and are lost.
//
// Errors everywhere: UNIMPLEMENTED (MEDIA_TYPE_UNSUPPORTED) for a configuration or layer of a type
// that the other side has no name for; FAILED_PRECONDITION (INVALID_MANIFEST) for a malformed
// configuration.

// A manifest of another type with the configuration that belongs to it.
struct ConvertedImage {
  Manifest manifest;
  std::string config;
};

// `image` is one with a configuration (image()), `config` the verified bytes of its configuration.
// One that is of the type already is returned unchanged.
absl::StatusOr<ConvertedImage> ConvertToOci(const Manifest& image, absl::string_view config);
absl::StatusOr<ConvertedImage> ConvertToDocker(const Manifest& image, absl::string_view config);

// A manifest of Docker's schema 2 with the configuration and layers.
absl::StatusOr<Manifest> WriteDockerManifest(absl::string_view config,
                                             const std::vector<Descriptor>& layers);

// `index` is one (is_index()). `converted`: by the digest of an old manifest, the descriptor of
// what it became, whose annotations are added; an entry that is not in it stays as it is.
absl::StatusOr<Manifest> ConvertIndexToOci(const Manifest& index,
                                           const std::map<Digest, Descriptor>& converted);
absl::StatusOr<Manifest> ConvertIndexToDocker(const Manifest& index,
                                              const std::map<Digest, Descriptor>& converted);

}  // namespace holkas

#endif  // HOLKAS_WORKER_IMAGE_CONVERT_H_
