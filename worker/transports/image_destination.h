#ifndef HOLKAS_WORKER_TRANSPORTS_IMAGE_DESTINATION_H_
#define HOLKAS_WORKER_TRANSPORTS_IMAGE_DESTINATION_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "worker/blob/byte_sink.h"
#include "worker/image/manifest.h"

namespace holkas {

// One image (or index) to be written, in whatever place. Order: blobs, then manifests (children
// before the index), then Publish. ReuseBlob and CreateBlob may be called by several threads at
// once, the rest by one. Until Publish the name still gives the old image; destroying a destination
// before leaves it so.
class ImageDestination {
 public:
  virtual ~ImageDestination() = default;

  enum class Reuse {
    kAbsent,   // the blob must be sent
    kPresent,  // the destination has it, intact
    kMounted,  // the registry took it over from another of its repositories
  };

  // Whether manifests of the type can be written.
  virtual bool AcceptsManifestType(absl::string_view media_type) const = 0;

  // Tries to get the blob without sending it.
  virtual absl::StatusOr<Reuse> ReuseBlob(const Descriptor& blob) = 0;

  // Begins to write a blob. `blob.digest` and `blob.size_bytes` are what it is expected to have.
  virtual absl::StatusOr<std::unique_ptr<ByteSink>> CreateBlob(const Descriptor& blob) = 0;

  // Stores a manifest by its digest. Everything that it names is there already, or the caller means
  // it not to be (index-only). `is_top`: it is the one that Publish will name.
  virtual absl::Status WriteManifest(const Manifest& manifest, bool is_top) = 0;

  // Makes `top`, a manifest that WriteManifest stored as the top, the destination's image,
  // durably. Once, last.
  virtual absl::Status Publish(const Manifest& top) = 0;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_IMAGE_DESTINATION_H_
