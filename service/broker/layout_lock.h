#ifndef HOLKAS_SERVICE_BROKER_LAYOUT_LOCK_H_
#define HOLKAS_SERVICE_BROKER_LAYOUT_LOCK_H_

#include <sys/types.h>

#include <deque>
#include <functional>
#include <map>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "proto/wire/unique_fd.h"

namespace holkas {

class LayoutLock;

// Who waits for which layout, among the jobs of this process: they get it in the order in which
// they came. Thread-safe.
class LayoutLocks {
 private:
  friend class LayoutLock;
  using Key = std::pair<dev_t, ino_t>;
  absl::Mutex mutex_;
  std::map<Key, std::deque<LayoutLock*>> waiting_ ABSL_GUARDED_BY(mutex_);
};

// A place in the line for a layout's list of images, and then the lock on it: an flock on the
// layout's directory, so that other processes of ours respect it, and that ends with its process.
// (Where directories cannot be locked, as on NFS, the file `.holkas.lock` in it is.) Destroying it
// gives it up.
class LayoutLock {
 public:
  // `wake` is called, by another thread, when its turn among the jobs of this process has come.
  LayoutLock(LayoutLocks& locks, UniqueFd directory, std::function<void()> wake);
  LayoutLock(const LayoutLock&) = delete;
  ~LayoutLock();

  // Takes the lock if it is free and its turn; never blocks. Once it is true it stays so.
  absl::StatusOr<bool> TryAcquire();

 private:
  LayoutLocks& locks_;
  UniqueFd lock_fd_;
  const std::function<void()> wake_;
  LayoutLocks::Key key_;
  bool acquired_ = false;
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_BROKER_LAYOUT_LOCK_H_
