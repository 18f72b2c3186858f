#ifndef HOLKAS_WORKER_STORAGE_STAGING_AREA_H_
#define HOLKAS_WORKER_STORAGE_STAGING_AREA_H_

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "proto/wire/unique_fd.h"
#include "worker/storage/directory.h"
#include "worker/storage/store.h"

namespace holkas {

// A directory of one writer in a store, `tmp/.holkas-<16 hex>`, where layers are unpacked before
// the store's lists know them: so nobody waits for a lock while bytes come from elsewhere. The
// writer holds a lock in it; when it is killed, the next writer removes what it left.
// Thread-safe.
class StagingArea {
 public:
  // Removes what others left, too.
  static absl::StatusOr<std::unique_ptr<StagingArea>> Create(const Store& store);

  StagingArea(const StagingArea&) = delete;
  // Removes what is still in it.
  ~StagingArea();

  // A name in it that none had.
  std::string NewName();
  // A new directory of such a name.
  absl::StatusOr<std::string> MakeDirectory();

  const Directory& directory() const { return directory_; }
  // In the driver's directory.
  const std::string& name() const { return name_; }
  // Below the graph root.
  const std::string& path() const { return path_; }

 private:
  StagingArea(std::string path, Directory parent, std::string name, Directory directory,
              UniqueFd lock)
      : path_(std::move(path)),
        parent_(std::move(parent)),
        name_(std::move(name)),
        directory_(std::move(directory)),
        lock_(std::move(lock)) {}

  const std::string path_;
  const Directory parent_;
  const std::string name_;
  const Directory directory_;
  const UniqueFd lock_;
  std::atomic<int> next_ = 0;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_STORAGE_STAGING_AREA_H_
