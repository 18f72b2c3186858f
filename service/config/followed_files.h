#ifndef HOLKAS_SERVICE_CONFIG_FOLLOWED_FILES_H_
#define HOLKAS_SERVICE_CONFIG_FOLLOWED_FILES_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

namespace holkas {

// What the files look like from outside: the same as long as none has come, gone or changed (time,
// size or inode).
std::string LookOfFiles(const std::vector<std::string>& paths);

// What files of the configuration say, which follows them: they are read again where one has
// changed, when somebody asks. Never looks at them by itself. Thread-safe.
template <typename T>
class FollowedFiles {
 public:
  // Reads the files, which `load` gives in one value. `on_stale` is told why files that changed
  // could not be read, once for each change. Errors: those of `load`.
  static absl::StatusOr<std::unique_ptr<FollowedFiles>> Open(
      std::vector<std::string> paths, std::function<absl::StatusOr<T>()> load,
      std::function<void(const absl::Status& why)> on_stale) {
    // Looked at before they are read: what changes meanwhile is read again.
    std::string seen = LookOfFiles(paths);
    absl::StatusOr<T> value = load();
    if (!value.ok()) {
      return value.status();
    }
    std::unique_ptr<FollowedFiles> files(
        new FollowedFiles(std::move(paths), std::move(load), std::move(on_stale)));
    absl::MutexLock lock(&files->mutex_);
    files->seen_ = std::move(seen);
    files->value_ = std::make_shared<const T>(*std::move(value));
    return files;
  }

  // The value of the files as they are now; where they cannot be read, the last good one. What is
  // returned does not change. Never null.
  std::shared_ptr<const T> Current() {
    absl::MutexLock lock(&mutex_);
    std::string look = LookOfFiles(paths_);
    if (look == seen_) {
      return value_;
    }
    seen_ = std::move(look);
    absl::StatusOr<T> value = load_();
    if (value.ok()) {
      value_ = std::make_shared<const T>(*std::move(value));
    } else {
      on_stale_(value.status());
    }
    return value_;
  }

 private:
  FollowedFiles(std::vector<std::string> paths, std::function<absl::StatusOr<T>()> load,
                std::function<void(const absl::Status& why)> on_stale)
      : paths_(std::move(paths)), load_(std::move(load)), on_stale_(std::move(on_stale)) {}

  const std::vector<std::string> paths_;
  const std::function<absl::StatusOr<T>()> load_;
  const std::function<void(const absl::Status& why)> on_stale_;

  absl::Mutex mutex_;
  std::string seen_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const T> value_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_CONFIG_FOLLOWED_FILES_H_
