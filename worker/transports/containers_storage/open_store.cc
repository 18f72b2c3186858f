#include "worker/transports/containers_storage/open_store.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/digest.h"
#include "proto/wire/status_macros.h"
#include "worker/storage/directory.h"

namespace holkas {

absl::StatusOr<Store> OpenStore(Broker& broker, broker::Place place,
                                const broker::ContainersStorageImage& image) {
  if (image.driver() != "overlay" && image.driver() != "vfs") {
    return absl::InvalidArgumentError(
        absl::StrCat("open a store: driver \"", image.driver(), "\" is not known"));
  }
  ASSIGN_OR_RETURN(Broker::Storage storage, broker.OpenStorage(place));
  std::optional<Directory> run_root;
  if (storage.run_root.valid()) {
    run_root.emplace(std::move(storage.run_root));
  }
  return Store(Directory(std::move(storage.graph_root)), std::move(run_root),
               image.driver() == "vfs" ? StorageDriver::kVfs : StorageDriver::kOverlay);
}

absl::StatusOr<StoredImageName> StoredNameOf(const broker::ContainersStorageImage& image) {
  StoredImageName name{image.name(), std::nullopt, image.image_id()};
  if (!image.digest().empty()) {
    ASSIGN_OR_RETURN(name.digest, Digest::Parse(image.digest()));
  }
  return name;
}

}  // namespace holkas
