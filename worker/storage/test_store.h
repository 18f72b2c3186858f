#ifndef HOLKAS_WORKER_STORAGE_TEST_STORE_H_
#define HOLKAS_WORKER_STORAGE_TEST_STORE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/image/manifest.h"
#include "worker/storage/store.h"
#include "worker/storage/stored_image_destination.h"

namespace holkas {

// For tests: a store in a new directory, and images that are written into it.
class TestStore {
 public:
  // An image of layers that are tars. `gzip`: its manifest names them compressed.
  // `sent_backwards`: the highest layer comes first.
  struct Image {
    std::vector<std::string> tars;
    std::string created = "2023-01-02T03:04:05Z";
    bool gzip = true;
    bool sent_backwards = false;
  };

  explicit TestStore(const std::string& path, StorageDriver driver = StorageDriver::kOverlay);

  const std::string& path() const { return path_; }
  Store Open() const;
  // The file of a list, `layers` or `images`.
  std::string ListPath(absl::string_view name) const;
  std::string ReadFile(const std::string& path) const;
  void WriteFile(const std::string& path, const std::string& content) const;

  static Manifest ManifestOf(const Image& image);
  absl::StatusOr<std::unique_ptr<StoredImageDestination>> OpenDestination(
      const StoredImageName& name) const;
  // Sends all blobs but those that are there; returns how many were sent.
  static absl::StatusOr<int> SendBlobs(const Image& image, StoredImageDestination& destination);
  absl::Status Write(const Image& image, const std::string& name) const;

  // Destinations that are opened after this do not make their device nodes themselves: the store
  // does, and counts them.
  void MakeDevices() { makes_devices_ = true; }
  int made_devices() const { return made_devices_; }

  // Names in the driver's directory that are no layer and no part of the store.
  std::vector<std::string> Leftovers() const;

 private:
  const std::string path_;
  const StorageDriver driver_;
  bool makes_devices_ = false;
  mutable int made_devices_ = 0;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_STORAGE_TEST_STORE_H_
