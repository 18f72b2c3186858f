#include "worker/storage/lock_file.h"

#include <fcntl.h>
#include <sys/random.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

constexpr mode_t kLockFileMode = 0644;

// As peers write it: when, the how manieth of this process, which process, chance.
struct LastWrite {
  uint64_t nanoseconds;
  uint64_t counter;
  uint32_t process;
  uint8_t random[44];
};
static_assert(sizeof(LastWrite) == 64);

}  // namespace

absl::StatusOr<LockFile> LockFile::Acquire(const Directory& directory, absl::string_view name,
                                           Mode mode) {
  const int flags = mode == Mode::kWrite ? O_RDWR | O_CREAT : O_RDONLY;
  absl::StatusOr<UniqueFd> fd = directory.OpenFile(name, flags, kLockFileMode);
  if (mode == Mode::kRead && absl::IsNotFound(fd.status())) {
    return LockFile(UniqueFd());
  }
  RETURN_IF_ERROR(fd.status());
  // Of the open file, not of the process: closing another descriptor of it does not unlock.
  struct flock lock = {};
  lock.l_type = mode == Mode::kWrite ? F_WRLCK : F_RDLCK;
  lock.l_whence = SEEK_SET;
  int result = -1;
  do {
    result = fcntl(fd->get(), F_OFD_SETLKW, &lock);
  } while (result != 0 && errno == EINTR);
  if (result != 0) {
    return ErrnoError(errno, absl::StrCat("lock ", name));
  }
  return LockFile(*std::move(fd));
}

absl::Status LockFile::Touch() const {
  static std::atomic<uint64_t> counter = 0;
  LastWrite token = {};
  token.nanoseconds = static_cast<uint64_t>(absl::GetCurrentTimeNanos());
  token.counter = ++counter;
  token.process = static_cast<uint32_t>(getpid());
  if (getrandom(token.random, sizeof token.random, 0) != sizeof token.random) {
    return ErrnoError(errno, "get random bytes");
  }
  if (pwrite(fd_.get(), &token, sizeof token, 0) != sizeof token ||
      ftruncate(fd_.get(), sizeof token) != 0) {
    return ErrnoError(errno, "write the token of a lock");
  }
  return absl::OkStatus();
}

}  // namespace holkas
