#ifndef HOLKAS_WORKER_IMAGE_CONVERT_SCHEMA1_H_
#define HOLKAS_WORKER_IMAGE_CONVERT_SCHEMA1_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "proto/wire/digest.h"
#include "worker/image/convert.h"
#include "worker/image/manifest.h"
#include "worker/image/schema1_manifest.h"

namespace holkas {

// Conversion between Docker's schema 1 and the types with a configuration. As in convert.h what is
// written is byte for byte what Skopeo writes; of schema 1 all but the signature.
//
// Errors everywhere: those of convert.h; FAILED_PRECONDITION (INVALID_MANIFEST) where history and
// layers do not fit together.

// What a layer of a schema 1 manifest turned out to be when it was read.
struct ReadLayer {
  int64_t size_bytes = 0;
  // The digest of the layer without its compression; none where nobody needs it, and then empty in
  // the configuration.
  std::optional<Digest> diff_id;
};

// `layers`: one for each of `image.layers`, from the base up, those of empty layers among them.
absl::StatusOr<ConvertedImage> ConvertSchema1ToDocker(const Schema1Manifest& image,
                                                      absl::Span<const ReadLayer> layers);
absl::StatusOr<ConvertedImage> ConvertSchema1ToOci(const Schema1Manifest& image,
                                                   absl::Span<const ReadLayer> layers);

// What becomes of an image in schema 1, without name, tag and signature: SignSchema1 of its ToJson
// is the manifest. Where one of its layers is empty it names kEmptyLayer (empty_layer.h), which the
// image did not have. `image` is none of schema 1, `config` the verified bytes of its
// configuration.
absl::StatusOr<Schema1Manifest> ConvertToSchema1(const Manifest& image, absl::string_view config);

}  // namespace holkas

#endif  // HOLKAS_WORKER_IMAGE_CONVERT_SCHEMA1_H_
