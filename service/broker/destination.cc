#include "service/broker/destination.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "service/broker/image_directory.h"

namespace holkas {
namespace {

constexpr absl::string_view kOwnPrefix = ".holkas";
// So that the staging directory's name is no longer than a name may be.
constexpr size_t kMaxNameInPrefix = 200;

std::string RealPath(const std::string& path) {
  char resolved[PATH_MAX];
  return realpath(path.c_str(), resolved) == nullptr ? "" : resolved;
}

absl::StatusOr<Destination> Missing(const std::string& path) {
  return DestinationConflict(absl::StrCat("lstat ", path, ": no such file or directory"));
}

// Splits an absolute path at its last slash.
Destination Split(absl::string_view path, bool exists) {
  size_t slash = path.rfind('/');
  Destination result;
  result.parent = std::string(slash == 0 ? "/" : path.substr(0, slash));
  result.name = std::string(path.substr(slash + 1));
  result.exists = exists;
  return result;
}

}  // namespace

absl::Status DestinationConflict(absl::string_view message) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "DESTINATION_CONFLICT", message);
}

absl::Status SyncDirectory(int fd) {
  return fsync(fd) == 0 ? absl::OkStatus() : FileError(errno, "fsync", "a directory");
}

absl::StatusOr<Destination> Destination::Resolve(const std::string& path) {
  struct stat status = {};
  // Again where another copy made it in between.
  for (bool came_meanwhile = true; came_meanwhile;) {
    if (std::string real = RealPath(path); !real.empty()) {
      return Split(real, true);
    }
    if (errno != ENOENT) {
      return FileError(errno, "lstat", path);
    }
    came_meanwhile = lstat(path.c_str(), &status) == 0;
    if (came_meanwhile && S_ISLNK(status.st_mode)) {
      return Missing(path);  // a symbolic link to nothing
    }
  }
  absl::string_view trimmed = path;
  while (trimmed.size() > 1 && absl::ConsumeSuffix(&trimmed, "/")) {
  }
  size_t slash = trimmed.rfind('/');
  std::string parent(slash == absl::string_view::npos ? "." : trimmed.substr(0, slash + 1));
  std::string real = RealPath(parent);
  if (real.empty()) {
    return Missing(parent.size() > 1 ? std::string(absl::StripSuffix(parent, "/")) : parent);
  }
  return Split(absl::StrCat(real == "/" ? "" : real, "/",
                            trimmed.substr(slash == absl::string_view::npos ? 0 : slash + 1)),
               false);
}

bool Destination::IsMountPoint() const {
  struct statx status = {};
  return statx(AT_FDCWD, path().c_str(), AT_SYMLINK_NOFOLLOW, STATX_TYPE, &status) == 0 &&
         (status.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) != 0 &&
         (status.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

std::string Destination::StagingPrefix() const {
  return absl::StrCat(".", name.substr(0, kMaxNameInPrefix), ".holkas-");
}

absl::StatusOr<std::unique_ptr<StagingDirectory>> Destination::StageBeside() const {
  ASSIGN_OR_RETURN(UniqueFd directory, OpenRoot(parent, "the directory of the destination"));
  return StagingDirectory::Create(std::move(directory), StagingPrefix());
}

absl::StatusOr<std::unique_ptr<StagingDirectory>> Destination::StageWithin() const {
  // When there was nothing to stage in yet, somebody may have staged beside it and been killed.
  if (absl::StatusOr<UniqueFd> beside = OpenRoot(parent, "the directory of the destination");
      beside.ok()) {
    SweepStaging(beside->get(), StagingPrefix());
  }
  ASSIGN_OR_RETURN(UniqueFd directory, OpenRoot(path(), "the destination"));
  return StagingDirectory::Create(std::move(directory), kStagingPrefix);
}

std::vector<std::string> ForeignEntries(int directory) {
  std::vector<std::string> names = EntriesOf(directory);
  std::erase_if(names, [](const std::string& name) { return absl::StartsWith(name, kOwnPrefix); });
  return names;
}

}  // namespace holkas
