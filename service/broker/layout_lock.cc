#include "service/broker/layout_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "service/broker/image_directory.h"

namespace holkas {
namespace {

constexpr char kLockFile[] = ".holkas.lock";

}  // namespace

LayoutLock::LayoutLock(LayoutLocks& locks, UniqueFd directory, std::function<void()> wake)
    : locks_(locks), lock_fd_(std::move(directory)), wake_(std::move(wake)) {
  struct stat status = {};
  fstat(lock_fd_.get(), &status);
  key_ = {status.st_dev, status.st_ino};
  absl::MutexLock lock(&locks_.mutex_);
  locks_.waiting_[key_].push_back(this);
}

LayoutLock::~LayoutLock() {
  absl::MutexLock lock(&locks_.mutex_);
  auto found = locks_.waiting_.find(key_);
  std::deque<LayoutLock*>& line = found->second;
  bool first = line.front() == this;
  line.erase(std::remove(line.begin(), line.end(), this), line.end());
  // Before the next one in line tries.
  lock_fd_.reset();
  if (line.empty()) {
    locks_.waiting_.erase(found);
  } else if (first) {
    line.front()->wake_();
  }
}

absl::StatusOr<bool> LayoutLock::TryAcquire() {
  absl::MutexLock lock(&locks_.mutex_);
  if (acquired_ || locks_.waiting_[key_].front() != this) {
    return acquired_;
  }
  if (flock(lock_fd_.get(), LOCK_EX | LOCK_NB) == 0) {
    acquired_ = true;
    return true;
  }
  if (errno == EWOULDBLOCK || errno == EINTR) {
    return false;
  }
  UniqueFd file(openat(lock_fd_.get(), kLockFile, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!file.valid()) {
    return FileError(errno, "lock", kLockFile);
  }
  lock_fd_ = std::move(file);
  if (flock(lock_fd_.get(), LOCK_EX | LOCK_NB) != 0) {
    return errno == EWOULDBLOCK ? absl::StatusOr<bool>(false) : FileError(errno, "lock", kLockFile);
  }
  acquired_ = true;
  return true;
}

}  // namespace holkas
