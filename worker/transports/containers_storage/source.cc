#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/storage/stored_image_source.h"
#include "worker/transports/containers_storage/containers_storage.h"
#include "worker/transports/containers_storage/open_store.h"

namespace holkas {
namespace {

absl::Status CheckKeepsDigest(StoredImageSource& source) {
  ASSIGN_OR_RETURN(const RawManifest copied, source.ReadManifest(std::nullopt));
  ASSIGN_OR_RETURN(const Digest stored, source.StoredDigest());
  if (copied.digest == stored) {
    return absl::OkStatus();
  }
  return MakeError(absl::StatusCode::kFailedPrecondition, "DESTINATION_CONFLICT",
                   absl::StrCat("manifest ", stored.ToString(),
                                " must be changed, since the store has its layers without "
                                "compression, but its digest is to be preserved"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<ImageSource>> OpenContainersStorageSource(
    const TransportContext& context, const broker::ImageLocation& location) {
  const broker::ContainersStorageImage& image = location.containers_storage();
  ASSIGN_OR_RETURN(Store store, OpenStore(context.broker, broker::PLACE_SOURCE, image));
  ASSIGN_OR_RETURN(const StoredImageName name, StoredNameOf(image));
  ASSIGN_OR_RETURN(
      std::unique_ptr<StoredImageSource> source,
      StoredImageSource::Open(std::move(store), name,
                              context.job.has_copy() ? StoredImageSource::Layers::kAsTars
                                                     : StoredImageSource::Layers::kAsStored));
  if (context.job.has_copy() && context.job.copy().preserve_digests()) {
    RETURN_IF_ERROR(CheckKeepsDigest(*source));
  }
  return source;
}

}  // namespace holkas
