#ifndef HOLKAS_WORKER_STORAGE_LOCK_FILE_H_
#define HOLKAS_WORKER_STORAGE_LOCK_FILE_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/wire/unique_fd.h"
#include "worker/storage/directory.h"

namespace holkas {

// The lock of a part of a store, shared with every program that uses the store: a record lock over
// a whole file (fcntl), held from Acquire until the destruction or the end of the process. The
// file's content is a token that says who wrote last; others read the JSON again when it changed.
class LockFile {
 public:
  enum class Mode { kRead, kWrite };

  // Waits for the lock; kWrite makes the file where it is not there. A store without the file is
  // one that nobody writes to: then kRead locks nothing.
  static absl::StatusOr<LockFile> Acquire(const Directory& directory, absl::string_view name,
                                          Mode mode);

  // Writes a new token. Before each change of what the lock guards, so that a change is seen even
  // when its writer dies in the middle. Only with kWrite.
  absl::Status Touch() const;

 private:
  explicit LockFile(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_STORAGE_LOCK_FILE_H_
