#include <sys/types.h>

#include <memory>
#include <string>
#include <utility>

#include "proto/wire/status_macros.h"
#include "worker/storage/stored_image_destination.h"
#include "worker/transports/containers_storage/containers_storage.h"
#include "worker/transports/containers_storage/open_store.h"

namespace holkas {
namespace {

WhiteoutForm FormOf(broker::WhiteoutForm form) {
  switch (form) {
    case broker::WHITEOUT_FORM_OVERLAY:
      return WhiteoutForm::kOverlay;
    case broker::WHITEOUT_FORM_OVERLAY_USER:
      return WhiteoutForm::kOverlayUser;
    case broker::WHITEOUT_FORM_AUFS:
      return WhiteoutForm::kFiles;
    default:
      return WhiteoutForm::kApplied;
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<ImageDestination>> OpenContainersStorageDestination(
    const TransportContext& context, const broker::ImageLocation& location) {
  const broker::ContainersStorageImage& image = location.containers_storage();
  ASSIGN_OR_RETURN(Store store, OpenStore(context.broker, broker::PLACE_DESTINATION, image));
  ASSIGN_OR_RETURN(StoredImageName name, StoredNameOf(image));
  Broker& broker = context.broker;
  StoredImageDestination::Options options = {.name = std::move(name),
                                             .whiteouts = FormOf(image.whiteout_form()),
                                             .mark_opaque = [&broker](const std::string& path) {
                                               return broker.MarkOpaque(broker::PLACE_DESTINATION,
                                                                        path);
                                             }};
  if (image.makes_devices()) {
    options.make_device = [&broker](const std::string& path, mode_t type, dev_t device) {
      return broker.MakeDevice(broker::PLACE_DESTINATION, path, type, device);
    };
  }
  return StoredImageDestination::Open(std::move(store), std::move(options));
}

}  // namespace holkas
