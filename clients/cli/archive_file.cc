#include "clients/cli/archive_file.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "clients/cli/archive_stream.h"
#include "clients/cli/file_error.h"
#include "clients/cli/rename_new.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

absl::Status Conflict(absl::string_view message) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "DESTINATION_CONFLICT", message);
}

absl::Status NotNew() {
  return Conflict("docker-archive doesn't support modifying existing images");
}

// Whether the file at `path` may be replaced: its permissions; nothing where there is none.
absl::StatusOr<std::optional<mode_t>> CheckOld(const std::string& path, bool must_be_new) {
  struct stat info = {};
  if (stat(path.c_str(), &info) != 0) {
    return errno == ENOENT ? absl::StatusOr<std::optional<mode_t>>(std::nullopt)
                           : FileError(errno, "open", path);
  }
  if (!S_ISREG(info.st_mode)) {
    return Conflict(absl::StrCat(
        "open ", path, S_ISDIR(info.st_mode) ? ": is a directory" : ": not a regular file"));
  }
  if (must_be_new && info.st_size > 0) {
    return NotNew();
  }
  if (access(path.c_str(), W_OK) != 0) {
    return FileError(errno, "open", path);
  }
  return info.st_mode & 07777;
}

// What the symbolic links at a path lead to, so that it is replaced, and not they. It need not be
// there; of links in a circle it is one of them.
std::string Resolved(const std::string& path) {
  constexpr int kMaxLinks = 40;
  std::error_code error;
  std::filesystem::path resolved = std::filesystem::absolute(path, error);
  for (int links = 0; links < kMaxLinks; ++links) {
    const std::filesystem::path target = std::filesystem::read_symlink(resolved, error);
    if (error) {
      break;
    }
    resolved = resolved.parent_path() / target;
  }
  return resolved;
}

absl::Status SyncDirectoryOf(const std::string& path) {
  const UniqueFd directory(
      open(path.substr(0, path.rfind('/') + 1).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return directory.valid() && fsync(directory.get()) == 0 ? absl::OkStatus()
                                                          : FileError(errno, "fsync", path);
}

// Waits until a stream that somebody made non-blocking takes bytes again.
void AwaitRoom(int file) {
  pollfd entry = {file, POLLOUT, 0};
  poll(&entry, 1, /*timeout=*/-1);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ArchiveFile>> ArchiveFile::Create(const std::string& name,
                                                                 bool must_be_new) {
  const std::string path = Resolved(name);
  RETURN_IF_ERROR(CheckOld(path, must_be_new).status());
  uint64_t random = 0;
  if (getrandom(&random, sizeof random, 0) != sizeof random) {
    return ErrnoError(errno, "getrandom");
  }
  const size_t slash = path.rfind('/') + 1;
  std::string temporary =
      absl::StrCat(path.substr(0, slash), ".holkas-", absl::Hex(random, absl::kZeroPad16));
  UniqueFd file(open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!file.valid()) {
    return FileError(errno, "open", path);
  }
  return std::unique_ptr<ArchiveFile>(
      new ArchiveFile(path, must_be_new, std::move(temporary), std::move(file)));
}

absl::StatusOr<std::unique_ptr<ArchiveFile>> ArchiveFile::OpenStream(const std::string& path,
                                                                     const CheckWait& check) {
  ASSIGN_OR_RETURN(UniqueFd file, holkas::OpenStream(path, O_WRONLY, check));
  return std::unique_ptr<ArchiveFile>(
      new ArchiveFile(path, /*must_be_new=*/false, /*temporary=*/"", std::move(file)));
}

ArchiveFile::~ArchiveFile() {
  if (!temporary_.empty()) {
    unlink(temporary_.c_str());
  }
}

absl::Status ArchiveFile::Write(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(file_.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EAGAIN) {
      AwaitRoom(file_.get());
    } else if (written < 0 && errno != EINTR) {
      return FileError(errno, "write", path_);
    }
    bytes.remove_prefix(written < 0 ? 0 : static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status ArchiveFile::Publish() {
  if (temporary_.empty()) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const std::optional<mode_t> old, CheckOld(path_, must_be_new_));
  if (old.has_value() && fchmod(file_.get(), *old) != 0) {
    return FileError(errno, "chmod", path_);
  }
  if (fsync(file_.get()) != 0) {
    return FileError(errno, "fsync", path_);
  }
  // What came into its place meanwhile stays.
  const int error = must_be_new_ && !old.has_value()                 ? RenameNew(temporary_, path_)
                    : rename(temporary_.c_str(), path_.c_str()) == 0 ? 0
                                                                     : errno;
  if (error != 0) {
    return error == EEXIST ? NotNew() : FileError(error, "rename", path_);
  }
  temporary_.clear();
  return SyncDirectoryOf(path_);
}

}  // namespace holkas
