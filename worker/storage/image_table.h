#ifndef HOLKAS_WORKER_STORAGE_IMAGE_TABLE_H_
#define HOLKAS_WORKER_STORAGE_IMAGE_TABLE_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/wire/digest.h"
#include "worker/image/json_value.h"
#include "worker/storage/record_table.h"
#include "worker/storage/records.h"
#include "worker/storage/store.h"

namespace holkas {

// The list of a store's images for one who changes it: locked.
class ImageTable {
 public:
  // A piece of an image's data.
  struct Data {
    std::string key;
    std::string bytes;
  };
  // What an image becomes.
  struct NewImage {
    std::string id;
    std::string name;     // empty for none
    std::string layer;    // empty for none
    std::string created;  // as RFC 3339
    Digest manifest_digest;
    std::vector<Data> data;
  };

  static absl::StatusOr<ImageTable> Open(const Store& store);

  const std::vector<ImageRecord>& images() const { return images_; }

  // Makes the image, or gives one of the same identity what it lacks. Another image that has the
  // name loses it.
  // Errors: FAILED_PRECONDITION (DESTINATION_CONFLICT) where that image has another layer.
  absl::Status Put(const NewImage& image);

  // Takes one of an image's names away.
  absl::Status RemoveName(const std::string& id, const std::string& name);

  // Takes an image out of the store, without its layers.
  absl::Status Remove(const std::string& id);

 private:
  explicit ImageTable(RecordTable table) : table_(std::move(table)) {}

  absl::Status Parse();
  absl::Status WriteData(const NewImage& image) const;
  absl::Status Save();

  RecordTable table_;
  std::vector<ImageRecord> images_;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_STORAGE_IMAGE_TABLE_H_
