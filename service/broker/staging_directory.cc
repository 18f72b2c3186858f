#include "service/broker/staging_directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/status_macros.h"
#include "service/broker/image_directory.h"

namespace holkas {
namespace {

constexpr size_t kRandomDigits = 16;
constexpr int kCreateTries = 16;
// An image directory is one level deep, a layout three. What else stands in an old one goes too.
constexpr int kMaxTreeDepth = 64;

UniqueFd OpenDirectory(int parent, const std::string& name) {
  return UniqueFd(openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

dev_t DeviceOf(int fd) {
  struct stat status = {};
  return fstat(fd, &status) == 0 ? status.st_dev : 0;
}

void RemoveTreeOn(dev_t device, int parent, const std::string& name, int depth) {
  if (unlinkat(parent, name.c_str(), 0) == 0 || errno != EISDIR || depth > kMaxTreeDepth) {
    return;
  }
  UniqueFd directory = OpenDirectory(parent, name);
  if (directory.valid() && DeviceOf(directory.get()) == device) {
    for (const std::string& entry : EntriesOf(directory.get())) {
      RemoveTreeOn(device, directory.get(), entry, depth + 1);
    }
  }
  unlinkat(parent, name.c_str(), AT_REMOVEDIR);
}

bool IsStagingName(absl::string_view name, absl::string_view prefix) {
  return name.size() == prefix.size() + kRandomDigits && absl::StartsWith(name, prefix) &&
         std::all_of(name.begin() + prefix.size(), name.end(), absl::ascii_isxdigit);
}

// Locks a new staging directory. False where a sweep by somebody else came between making it and
// locking it: then that has the lock, or the directory has no name any more. Where the file system
// knows no such locks, no sweep removes anything.
bool IsOurs(int directory) {
  if (flock(directory, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    return false;
  }
  struct stat status = {};
  return fstat(directory, &status) == 0 && status.st_nlink > 0;
}

}  // namespace

std::vector<std::string> EntriesOf(int directory) {
  std::vector<std::string> names;
  UniqueFd own(openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  DIR* stream = own.valid() ? fdopendir(own.get()) : nullptr;
  if (stream == nullptr) {
    return names;
  }
  (void)own.release();
  while (dirent* entry = readdir(stream)) {
    std::string name = entry->d_name;
    if (name != "." && name != "..") {
      names.push_back(std::move(name));
    }
  }
  closedir(stream);
  return names;
}

std::string RandomName(absl::string_view prefix) {
  uint64_t random = 0;
  if (getrandom(&random, sizeof(random), 0) != sizeof(random)) {
    std::abort();  // cannot fail for so few bytes on kernels that have it
  }
  return absl::StrCat(prefix, absl::Hex(random, absl::kZeroPad16));
}

void RemoveTree(int parent, const std::string& name) {
  RemoveTreeOn(DeviceOf(parent), parent, name, 0);
}

void SweepStaging(int parent, absl::string_view prefix) {
  for (const std::string& name : EntriesOf(parent)) {
    if (!IsStagingName(name, prefix)) {
      continue;
    }
    // A directory, or the one file of an archive.
    UniqueFd staged(openat(parent, name.c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
    if (staged.valid() && flock(staged.get(), LOCK_EX | LOCK_NB) == 0) {
      RemoveTree(parent, name);
    }
  }
}

absl::StatusOr<std::unique_ptr<StagingDirectory>> StagingDirectory::Create(
    UniqueFd parent, absl::string_view prefix) {
  SweepStaging(parent.get(), prefix);
  for (int i = 0; i < kCreateTries; ++i) {
    std::string name = RandomName(prefix);
    if (mkdirat(parent.get(), name.c_str(), 0755) != 0) {
      return FileError(errno, "mkdir", name);
    }
    UniqueFd directory = OpenDirectory(parent.get(), name);
    if (directory.valid() && IsOurs(directory.get())) {
      return std::unique_ptr<StagingDirectory>(
          new StagingDirectory(std::move(parent), std::move(directory), std::move(name)));
    }
  }
  return absl::UnavailableError("cannot make a staging directory that stays");
}

StagingDirectory::StagingDirectory(UniqueFd parent, UniqueFd directory, std::string name)
    : parent_(std::move(parent)), directory_(std::move(directory)), name_(std::move(name)) {}

StagingDirectory::~StagingDirectory() {
  if (owned_) {
    RemoveTree(parent_.get(), name_);
  }
}

absl::StatusOr<StagingDirectory::File> StagingDirectory::CreateFile() {
  File file;
  file.write.reset(openat(fd(), ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644));
  if (!file.write.valid() && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT)) {
    file.name = absl::StrCat(".writing-", ++files_);
    file.write.reset(
        openat(fd(), file.name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  }
  if (!file.write.valid()) {
    return FileError(errno, "create", "a file at the destination");
  }
  file.read.reset(
      open(absl::StrCat("/proc/self/fd/", file.write.get()).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.read.valid()) {
    return FileError(errno, "open", "a file at the destination");
  }
  return file;
}

absl::Status StagingDirectory::NameFile(const File& file, const std::string& name) {
  if (!file.name.empty()) {
    return renameat(fd(), file.name.c_str(), fd(), name.c_str()) == 0
               ? absl::OkStatus()
               : FileError(errno, "rename", name);
  }
  std::string path = absl::StrCat("/proc/self/fd/", file.read.get());
  for (int i = 0; i < 2; ++i) {
    if (linkat(AT_FDCWD, path.c_str(), fd(), name.c_str(), AT_SYMLINK_FOLLOW) == 0) {
      return absl::OkStatus();
    }
    if (errno != EEXIST) {
      break;
    }
    unlinkat(fd(), name.c_str(), 0);
  }
  return FileError(errno, "link", name);
}

void StagingDirectory::DropFile(const File& file) {
  if (!file.name.empty()) {
    unlinkat(fd(), file.name.c_str(), 0);
  }
}

}  // namespace holkas
