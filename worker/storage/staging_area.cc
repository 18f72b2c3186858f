#include "worker/storage/staging_area.h"

#include <fcntl.h>
#include <sys/random.h>

#include <cerrno>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

constexpr absl::string_view kPrefix = ".holkas-";
constexpr size_t kMaxNames = 1 << 16;
constexpr int kMaxAttempts = 16;
constexpr absl::string_view kLockName = "lock";

// The lock of a staging directory; not valid where its writer has it.
absl::StatusOr<UniqueFd> TryLock(const Directory& directory) {
  ASSIGN_OR_RETURN(UniqueFd fd, directory.OpenFile(kLockName, O_RDWR | O_CREAT, 0600));
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return fcntl(fd.get(), F_OFD_SETLK, &lock) == 0 ? std::move(fd) : UniqueFd();
}

void RemoveLeftovers(const Directory& parent) {
  const absl::StatusOr<std::vector<std::string>> names = parent.List(kMaxNames);
  if (!names.ok()) {
    return;
  }
  for (const std::string& name : *names) {
    if (!absl::StartsWith(name, kPrefix)) {
      continue;
    }
    const absl::StatusOr<Directory> left = parent.OpenDirectory(name);
    if (!left.ok()) {
      continue;
    }
    if (const absl::StatusOr<UniqueFd> lock = TryLock(*left); lock.ok() && lock->valid()) {
      parent.Remove(name).IgnoreError();  // the next writer tries again
    }
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<StagingArea>> StagingArea::Create(const Store& store) {
  ASSIGN_OR_RETURN(Directory parent, store.graph_root().OpenDirectory(store.driver_name()));
  RemoveLeftovers(parent);
  for (int i = 0; i < kMaxAttempts; ++i) {
    uint64_t random = 0;
    if (getrandom(&random, sizeof random, 0) != sizeof random) {
      return ErrnoError(errno, "get random bytes");
    }
    const std::string name = absl::StrFormat("%s%016x", kPrefix, random);
    RETURN_IF_ERROR(parent.MakeDirectory(name, 0700));
    absl::StatusOr<Directory> directory = parent.OpenDirectory(name);
    // Between the two, another writer may have taken it for one that was left.
    if (!directory.ok()) {
      continue;
    }
    absl::StatusOr<UniqueFd> lock = TryLock(*directory);
    if (!lock.ok() || !lock->valid()) {
      continue;
    }
    const absl::StatusOr<bool> exists = parent.Exists(absl::StrCat(name, "/", kLockName));
    if (exists.ok() && *exists) {
      return std::unique_ptr<StagingArea>(
          new StagingArea(absl::StrCat(store.driver_name(), "/", name), std::move(parent), name,
                          *std::move(directory), *std::move(lock)));
    }
  }
  return absl::AbortedError("make a staging directory: others removed it");
}

StagingArea::~StagingArea() { parent_.Remove(name_).IgnoreError(); }

std::string StagingArea::NewName() { return absl::StrCat(next_++); }

absl::StatusOr<std::string> StagingArea::MakeDirectory() {
  std::string name = NewName();
  RETURN_IF_ERROR(directory_.MakeDirectory(name, 0700));
  return name;
}

}  // namespace holkas
