#include "worker/storage/delete_stored_image.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/image/json_fields.h"
#include "worker/storage/image_table.h"
#include "worker/storage/layer_table.h"
#include "worker/storage/staging_area.h"

namespace holkas {
namespace {

// What containers use.
struct ContainerUse {
  std::string id;
  std::string image;
  std::string layer;
};

absl::StatusOr<std::vector<ContainerUse>> ReadContainers(const Store& store) {
  ASSIGN_OR_RETURN(const JsonArray json, store.ReadContainers());
  std::vector<ContainerUse> containers;
  for (const JsonValue& record : json) {
    ContainerUse container;
    ASSIGN_OR_RETURN(container.id, GetString(record, "id"));
    ASSIGN_OR_RETURN(container.image, GetString(record, "image"));
    ASSIGN_OR_RETURN(container.layer, GetString(record, "layer"));
    containers.push_back(std::move(container));
  }
  return containers;
}

absl::Status CheckUnused(const ImageRecord& image, const std::vector<ContainerUse>& containers) {
  for (const ContainerUse& container : containers) {
    if (container.image == image.id) {
      return MakeError(absl::StatusCode::kFailedPrecondition, "DESTINATION_CONFLICT",
                       absl::StrCat("image used by ", absl::CHexEscape(container.id),
                                    ": image is in use by a container"));
    }
  }
  return absl::OkStatus();
}

// The layers from `top` downwards that only `image` has.
std::vector<std::string> UnusedLayers(const std::string& top, const ImageRecord& image,
                                      const std::vector<ImageRecord>& images,
                                      const std::vector<ContainerUse>& containers,
                                      const std::vector<LayerRecord>& layers,
                                      std::set<std::string>& removed) {
  std::vector<std::string> unused;
  std::string id = top;
  while (!id.empty() && !removed.contains(id)) {
    const auto layer = std::find_if(layers.begin(), layers.end(),
                                    [&](const LayerRecord& other) { return other.id == id; });
    const bool is_used =
        std::any_of(images.begin(), images.end(),
                    [&](const ImageRecord& other) {
                      return other.id != image.id &&
                             (other.layer == id ||
                              std::find(other.mapped_layers.begin(), other.mapped_layers.end(),
                                        id) != other.mapped_layers.end());
                    }) ||
        std::any_of(containers.begin(), containers.end(),
                    [&](const ContainerUse& container) { return container.layer == id; }) ||
        std::any_of(layers.begin(), layers.end(), [&](const LayerRecord& other) {
          return other.parent == id && !removed.contains(other.id);
        });
    if (layer == layers.end() || is_used) {
      break;
    }
    unused.push_back(id);
    removed.insert(id);
    id = layer->parent;
  }
  return unused;
}

Digest ManifestDigestOf(const ImageRecord& image) {
  const auto found = image.data_digests.find("manifest");
  if (found != image.data_digests.end()) {
    if (absl::StatusOr<Digest> digest = Digest::Parse(found->second); digest.ok()) {
      return *std::move(digest);
    }
  }
  return Digest::Sha256Of("");
}

}  // namespace

absl::StatusOr<Digest> DeleteStoredImage(const Store& store, const StoredImageName& name,
                                         bool only_name) {
  // Before anything is locked, so that a store that is not there is not made.
  ASSIGN_OR_RETURN(const std::vector<ImageRecord> before, store.ReadImages());
  RETURN_IF_ERROR(FindImage(before, name).status());
  // Removes what is in it when nothing is locked any more.
  ASSIGN_OR_RETURN(const std::unique_ptr<StagingArea> trash, StagingArea::Create(store));
  ASSIGN_OR_RETURN(LayerTable layers, LayerTable::Open(store));
  ASSIGN_OR_RETURN(ImageTable images, ImageTable::Open(store));
  ASSIGN_OR_RETURN(const ImageRecord* found, FindImage(images.images(), name));
  const ImageRecord image = *found;
  if (only_name && image.names.size() > 1 &&
      std::find(image.names.begin(), image.names.end(), name.name) != image.names.end()) {
    RETURN_IF_ERROR(images.RemoveName(image.id, name.name));
    return ManifestDigestOf(image);
  }
  ASSIGN_OR_RETURN(const std::vector<ContainerUse> containers, ReadContainers(store));
  RETURN_IF_ERROR(CheckUnused(image, containers));
  std::vector<LayerRecord> all = layers.layers();
  ASSIGN_OR_RETURN(const JsonArray volatile_json, store.ReadVolatileLayers());
  ASSIGN_OR_RETURN(const std::vector<LayerRecord> more, ParseLayerRecords(volatile_json));
  all.insert(all.end(), more.begin(), more.end());

  std::set<std::string> removed;
  std::vector<std::string> unused;
  std::vector<std::string> tops = image.mapped_layers;
  tops.push_back(image.layer);
  for (const std::string& top : tops) {
    const std::vector<std::string> some =
        UnusedLayers(top, image, images.images(), containers, all, removed);
    unused.insert(unused.end(), some.begin(), some.end());
  }
  RETURN_IF_ERROR(images.Remove(image.id));
  RETURN_IF_ERROR(layers.Remove(unused, trash->directory()));
  return ManifestDigestOf(image);
}

}  // namespace holkas
