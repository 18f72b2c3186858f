#ifndef HOLKAS_WORKER_JOBS_IMAGE_FORM_H_
#define HOLKAS_WORKER_JOBS_IMAGE_FORM_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "holkas/v1/image_service.pb.h"
#include "worker/image/descriptor.h"
#include "worker/image/manifest.h"
#include "worker/transports/image_destination.h"
#include "worker/transports/image_source.h"

namespace holkas {

// An image as a manifest of some type describes it.
struct ImageForm {
  // A blob that the conversion made: the configuration, or the empty layer of schema 1.
  struct MadeBlob {
    Descriptor descriptor;
    v1::BlobKind kind = v1::BLOB_KIND_UNSPECIFIED;
    std::string content;
  };

  Manifest manifest;
  // The layers that the image had before, from the base up.
  std::vector<Descriptor> layers;
  std::vector<MadeBlob> made;
};

// `image`, not an index, in the type. Of schema 1 the name is what the destination wants it to be
// (ImageDestination::embedded_name), and the signature is new. `config`: the image's configuration
// where `from` does not have it. Reads the configuration where it is converted, and all layers of
// an image of schema 1, whose manifest does not tell what the other types do.
// Errors: those of the source, of worker/image/convert.h and convert_schema1.h.
absl::StatusOr<ImageForm> ConvertImage(ImageSource& from, const Manifest& image,
                                       const std::optional<std::string>& config,
                                       absl::string_view type, const ImageDestination& to);

// An image of schema 1 as it is, with the sizes of its layers, which are read for that.
// Errors: those of ReadSchema1Layers.
absl::StatusOr<ImageForm> MeasureSchema1(ImageSource& from, const Manifest& image);

// Whether the manifest, one of schema 1, has another name in it than the destination wants.
bool HasOtherName(const Schema1Manifest& image, const ImageDestination& to);

}  // namespace holkas

#endif  // HOLKAS_WORKER_JOBS_IMAGE_FORM_H_
