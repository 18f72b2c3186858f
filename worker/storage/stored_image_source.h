#ifndef HOLKAS_WORKER_STORAGE_STORED_IMAGE_SOURCE_H_
#define HOLKAS_WORKER_STORAGE_STORED_IMAGE_SOURCE_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/wire/digest.h"
#include "worker/blob/byte_source.h"
#include "worker/image/manifest.h"
#include "worker/storage/find_image.h"
#include "worker/storage/records.h"
#include "worker/storage/store.h"
#include "worker/transports/image_source.h"

namespace holkas {

// An image of a store. Its layers are there as tars alone.
class StoredImageSource : public ImageSource {
 public:
  enum class Layers {
    kAsStored,  // manifests are what the store has; the layers that they name may not be there
    kAsTars,    // an image's manifest names the tars of its layers, which are there
  };

  // Reads the store's lists.
  // Errors: NOT_FOUND (MANIFEST_UNKNOWN); FAILED_PRECONDITION for a store that is not in order.
  static absl::StatusOr<std::unique_ptr<StoredImageSource>> Open(Store store,
                                                                 const StoredImageName& name,
                                                                 Layers layers);

  absl::StatusOr<RawManifest> ReadManifest(const std::optional<Digest>& instance) override;
  absl::StatusOr<std::unique_ptr<ByteSource>> OpenBlob(const Descriptor& blob) override;
  std::optional<CompressedTwin> FindCompressedTwin(const Descriptor& blob) const override;

  // The digest of the image's manifest as it is stored.
  absl::StatusOr<Digest> StoredDigest() const;

 private:
  StoredImageSource(Store store, std::optional<Digest> digest, ImageRecord image,
                    std::vector<LayerRecord> chain, Layers layers)
      : store_(std::move(store)),
        digest_(std::move(digest)),
        image_(std::move(image)),
        chain_(std::move(chain)),
        layers_(layers) {}

  absl::StatusOr<RawManifest> ReadStored(absl::string_view key,
                                         const std::optional<Digest>& digest) const;

  const Store store_;
  // By which the image was named.
  const std::optional<Digest> digest_;
  const ImageRecord image_;
  const std::vector<LayerRecord> chain_;
  const Layers layers_;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_STORAGE_STORED_IMAGE_SOURCE_H_
