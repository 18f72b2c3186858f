#include <utility>

#include "proto/wire/status_macros.h"
#include "worker/storage/delete_stored_image.h"
#include "worker/transports/containers_storage/containers_storage.h"
#include "worker/transports/containers_storage/open_store.h"

namespace holkas {

absl::StatusOr<Digest> DeleteContainersStorageImage(const TransportContext& context,
                                                    const broker::ImageLocation& location,
                                                    bool only_tag) {
  const broker::ContainersStorageImage& image = location.containers_storage();
  ASSIGN_OR_RETURN(const Store store, OpenStore(context.broker, broker::PLACE_SOURCE, image));
  ASSIGN_OR_RETURN(const StoredImageName name, StoredNameOf(image));
  return DeleteStoredImage(store, name, only_tag);
}

}  // namespace holkas
