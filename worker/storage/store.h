#ifndef HOLKAS_WORKER_STORAGE_STORE_H_
#define HOLKAS_WORKER_STORAGE_STORE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/wire/digest.h"
#include "worker/blob/byte_source.h"
#include "worker/storage/directory.h"
#include "worker/storage/record_table.h"
#include "worker/storage/records.h"

namespace holkas {

// How a store keeps the files of its layers.
enum class StorageDriver {
  kOverlay,  // each layer's own files, `overlay/<id>/diff`
  kVfs,      // each layer's files with those of its parents, `vfs/dir/<id>`
};

// A store of containers/storage on disk, as Podman, Buildah and Skopeo have it: reading, and what
// reading and writing have in common. It is reached by the descriptors of its directories, and what
// others put into it leads nowhere else. Other programs use it at the same time.
class Store {
 public:
  // `run_root` may be missing; it has lists that end with the machine's run.
  Store(Directory graph_root, std::optional<Directory> run_root, StorageDriver driver)
      : graph_root_(std::move(graph_root)), run_root_(std::move(run_root)), driver_(driver) {}

  const Directory& graph_root() const { return graph_root_; }
  StorageDriver driver() const { return driver_; }
  // `overlay` or `vfs`.
  absl::string_view driver_name() const;

  // One of `layers`, `images` and `containers`, locked.
  // Errors, beside those of RecordTable: NOT_FOUND where the store has no such list.
  absl::StatusOr<RecordTable> OpenTable(absl::string_view name, LockFile::Mode mode) const;

  // What there is now. A store in which nothing is yet has neither.
  absl::StatusOr<std::vector<ImageRecord>> ReadImages() const;
  // With the layers of containers that do not outlive the machine's run.
  absl::StatusOr<std::vector<LayerRecord>> ReadLayers() const;
  // Those layers alone, as they are written.
  absl::StatusOr<JsonArray> ReadVolatileLayers() const;
  // All containers, as they are written.
  absl::StatusOr<JsonArray> ReadContainers() const;

  // A piece of an image's data, not verified.
  // Errors: NOT_FOUND; RESOURCE_EXHAUSTED (LIMIT_EXCEEDED).
  absl::StatusOr<std::string> ReadImageData(const std::string& image_id, absl::string_view key,
                                            int64_t max_bytes) const;

  // The tar that a layer came from.
  // Errors: NOT_FOUND where the layer's files or its tar-split are not there.
  absl::StatusOr<std::unique_ptr<ByteSource>> OpenLayerTar(const std::string& layer_id) const;

  // The directory of a layer's files, below the graph root.
  std::string LayerFilesPath(absl::string_view layer_id) const;

 private:
  absl::StatusOr<JsonArray> ReadVolatile(absl::string_view name) const;

  Directory graph_root_;
  std::optional<Directory> run_root_;
  StorageDriver driver_;
};

// The layers of an image whose top layer is `top`, the base layer first.
// Errors: FAILED_PRECONDITION for a layer that is not there, is incomplete, or for more than
// kMaxLayers.
absl::StatusOr<std::vector<LayerRecord>> LayerChain(const std::vector<LayerRecord>& layers,
                                                    const std::string& top);

}  // namespace holkas

#endif  // HOLKAS_WORKER_STORAGE_STORE_H_
