#ifndef HOLKAS_WORKER_STORAGE_LAYER_TABLE_H_
#define HOLKAS_WORKER_STORAGE_LAYER_TABLE_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/wire/digest.h"
#include "worker/blob/compression.h"
#include "worker/storage/directory.h"
#include "worker/storage/layer_spool.h"
#include "worker/storage/layer_writer.h"
#include "worker/storage/record_table.h"
#include "worker/storage/records.h"
#include "worker/storage/store.h"

namespace holkas {

// A layer that is unpacked in a directory of a staging area and can become one of the store.
struct StagedLayer {
  std::string directory;  // in the staging area
  LayerContent content;
  // The blob that it came as.
  Digest blob_digest;
  int64_t blob_size_bytes = 0;
  Compression compression = Compression::kNone;
  // Where the directory has the layer's tar, and no files yet.
  std::optional<SpooledTar> spooled = std::nullopt;
};

// The identity of a layer on top of `parent` (empty for none), as all tools give it: so equal
// layers on equal layers are one.
std::string LayerId(const std::string& parent, const Digest& diff_digest);

// The list of a store's layers for one who changes it: locked. What another writer began and did
// not finish is removed when it is opened.
class LayerTable {
 public:
  // What becomes a layer, on top of a layer that there is or that comes before it.
  struct NewLayer {
    std::string id;
    std::string parent;
    const StagedLayer* staged = nullptr;
  };

  // `store` outlives the table.
  static absl::StatusOr<LayerTable> Open(const Store& store);

  const std::vector<LayerRecord>& layers() const { return layers_; }
  bool Contains(const std::string& id) const;

  // Moves layers from the staging area named `staging` into the store, the lower ones first. Until
  // all are there they are marked as incomplete.
  absl::Status Install(const std::vector<NewLayer>& layers, const std::string& staging);

  // Takes layers out of the store. Their files go to `trash`, to be removed by whoever has time.
  absl::Status Remove(const std::vector<std::string>& ids, const Directory& trash);

 private:
  LayerTable(const Store& store, RecordTable table) : store_(&store), table_(std::move(table)) {}

  absl::Status Parse();
  absl::Status RemoveIncomplete();
  absl::Status InstallFiles(const NewLayer& layer, const std::string& staging);
  absl::Status MakeOverlay(const Directory& overlay, const Directory& made,
                           const NewLayer& layer) const;
  // `trash` may be null: then the files are removed at once.
  absl::Status RemoveFiles(const std::string& id, const Directory* trash) const;

  const Store* store_;
  RecordTable table_;
  std::vector<LayerRecord> layers_;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_STORAGE_LAYER_TABLE_H_
