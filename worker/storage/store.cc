#include "worker/storage/store.h"

#include <fcntl.h>

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/status_macros.h"
#include "worker/image/manifest.h"
#include "worker/storage/big_data_name.h"
#include "worker/storage/layer_tar_source.h"

namespace holkas {
namespace {

// The records of a list, or none where the store does not have it.
absl::StatusOr<JsonArray> ReadList(const Store& store, absl::string_view name) {
  absl::StatusOr<RecordTable> table = store.OpenTable(name, LockFile::Mode::kRead);
  if (absl::IsNotFound(table.status())) {
    return JsonArray();
  }
  RETURN_IF_ERROR(table.status());
  return std::move(table->records());
}

}  // namespace

absl::string_view Store::driver_name() const {
  return driver_ == StorageDriver::kOverlay ? "overlay" : "vfs";
}

absl::StatusOr<RecordTable> Store::OpenTable(absl::string_view name, LockFile::Mode mode) const {
  return RecordTable::Open(graph_root_, absl::StrCat(driver_name(), "-", name), name, mode);
}

absl::StatusOr<std::vector<ImageRecord>> Store::ReadImages() const {
  ASSIGN_OR_RETURN(const JsonArray json, ReadList(*this, "images"));
  return ParseImageRecords(json);
}

absl::StatusOr<std::vector<LayerRecord>> Store::ReadLayers() const {
  ASSIGN_OR_RETURN(JsonArray json, ReadList(*this, "layers"));
  ASSIGN_OR_RETURN(JsonArray more, ReadVolatileLayers());
  std::move(more.begin(), more.end(), std::back_inserter(json));
  return ParseLayerRecords(json);
}

absl::StatusOr<JsonArray> Store::ReadVolatileLayers() const { return ReadVolatile("layers"); }

absl::StatusOr<JsonArray> Store::ReadContainers() const {
  ASSIGN_OR_RETURN(JsonArray json, ReadList(*this, "containers"));
  ASSIGN_OR_RETURN(JsonArray more, ReadVolatile("containers"));
  std::move(more.begin(), more.end(), std::back_inserter(json));
  return json;
}

// What ends with the machine's run is in the one root or the other, as the program's version has
// it.
absl::StatusOr<JsonArray> Store::ReadVolatile(absl::string_view name) const {
  const std::string path = absl::StrCat(driver_name(), "-", name, "/volatile-", name, ".json");
  JsonArray all;
  for (const Directory* root : {&graph_root_, run_root_.has_value() ? &*run_root_ : nullptr}) {
    if (root != nullptr) {
      ASSIGN_OR_RETURN(JsonArray some, ReadRecords(*root, path));
      std::move(some.begin(), some.end(), std::back_inserter(all));
    }
  }
  return all;
}

absl::StatusOr<std::string> Store::ReadImageData(const std::string& image_id, absl::string_view key,
                                                 int64_t max_bytes) const {
  return graph_root_.ReadFile(
      absl::StrCat(driver_name(), "-images/", image_id, "/", BigDataFileName(key)), max_bytes);
}

absl::StatusOr<std::unique_ptr<ByteSource>> Store::OpenLayerTar(const std::string& layer_id) const {
  ASSIGN_OR_RETURN(Directory files, graph_root_.OpenDirectory(LayerFilesPath(layer_id)));
  ASSIGN_OR_RETURN(UniqueFd tar_split, graph_root_.OpenFile(absl::StrCat(driver_name(), "-layers/",
                                                                         layer_id, ".tar-split.gz"),
                                                            O_RDONLY));
  return LayerTarSource::Open(std::move(files), std::move(tar_split));
}

std::string Store::LayerFilesPath(absl::string_view layer_id) const {
  return driver_ == StorageDriver::kOverlay ? absl::StrCat("overlay/", layer_id, "/diff")
                                            : absl::StrCat("vfs/dir/", layer_id);
}

absl::StatusOr<std::vector<LayerRecord>> LayerChain(const std::vector<LayerRecord>& layers,
                                                    const std::string& top) {
  std::vector<LayerRecord> chain;
  std::string id = top;
  while (!id.empty()) {
    if (chain.size() == kMaxLayers) {
      return absl::FailedPreconditionError(
          absl::StrCat("layer ", top, " has more than ", kMaxLayers, " layers below it"));
    }
    const auto found = std::find_if(layers.begin(), layers.end(),
                                    [&](const LayerRecord& layer) { return layer.id == id; });
    if (found == layers.end()) {
      return absl::FailedPreconditionError(absl::StrCat("layer ", id, " is not in the store"));
    }
    if (found->is_incomplete) {
      return absl::FailedPreconditionError(absl::StrCat("layer ", id, " is incomplete"));
    }
    chain.push_back(*found);
    id = found->parent;
  }
  std::reverse(chain.begin(), chain.end());
  return chain;
}

}  // namespace holkas
