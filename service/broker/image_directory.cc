#include "service/broker/image_directory.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "service/broker/violation.h"

namespace holkas {
namespace {

absl::Status PathDenied(absl::string_view name, absl::string_view why) {
  return MakeError(absl::StatusCode::kPermissionDenied, "PATH_DENIED",
                   absl::StrCat("open ", name, ": ", why));
}

// Opens for reading what `path`, a descriptor of O_PATH, is, if that is a regular file.
absl::StatusOr<UniqueFd> Reopen(const UniqueFd& path, absl::string_view name) {
  struct stat status = {};
  if (fstat(path.get(), &status) != 0) {
    return FileError(errno, "stat", name);
  }
  if (S_ISDIR(status.st_mode)) {
    return PathDenied(name, "is a directory");
  }
  if (!S_ISREG(status.st_mode)) {
    return PathDenied(name, "not a regular file");
  }
  UniqueFd file(
      open(absl::StrCat("/proc/self/fd/", path.get()).c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!file.valid()) {
    return FileError(errno, "open", name);
  }
  return file;
}

absl::StatusOr<std::string> DirFileName(broker::FileKind kind, const Digest& digest) {
  if (kind == broker::FILE_KIND_MANIFEST) {
    return absl::StrCat(digest.hex(), ".manifest.json");
  }
  if (digest.algorithm() == "sha256") {
    return std::string(digest.hex());
  }
  return absl::StrCat(digest.algorithm(), "-", digest.hex());
}

}  // namespace

absl::Status FileError(int error_number, absl::string_view operation, absl::string_view name) {
  absl::Status status = ErrnoError(error_number, "");
  std::string why = std::strerror(error_number);
  why[0] = absl::ascii_tolower(why[0]);
  std::string message = absl::StrCat(operation, " ", name, ": ", why);
  if (error_number == EACCES || error_number == EPERM || error_number == EROFS) {
    return MakeError(absl::StatusCode::kPermissionDenied, "PATH_DENIED", message);
  }
  std::string reason = ErrorReason(status);
  return reason.empty() ? absl::Status(status.code(), message)
                        : MakeError(status.code(), reason, message);
}

absl::StatusOr<std::string> FileName(PathKind path_kind, broker::FileKind kind,
                                     const std::optional<Digest>& digest) {
  if (path_kind == PathKind::kFile) {
    return kind == broker::FILE_KIND_ROOT && !digest.has_value()
               ? absl::StatusOr<std::string>("archive")
               : Violation("a file of an archive");
  }
  bool oci = path_kind == PathKind::kOci;
  bool by_digest = kind == broker::FILE_KIND_BLOB || kind == broker::FILE_KIND_MANIFEST;
  if (by_digest != digest.has_value()) {
    return Violation(by_digest ? "a file by digest, without one" : "a file with a digest too many");
  }
  switch (kind) {
    case broker::FILE_KIND_ROOT:
      return std::string(oci ? "index.json" : "manifest.json");
    case broker::FILE_KIND_VERSION:
      return std::string(oci ? "oci-layout" : "version");
    case broker::FILE_KIND_BLOB:
    case broker::FILE_KIND_MANIFEST:
      return oci ? absl::StrCat("blobs/", SharedBlobName(*digest)) : DirFileName(kind, *digest);
    default:
      return Violation("a file of no kind");
  }
}

std::string SharedBlobName(const Digest& digest) {
  return absl::StrCat(digest.algorithm(), "/", digest.hex());
}

absl::StatusOr<UniqueFd> OpenRoot(const std::string& path, absl::string_view shown) {
  UniqueFd root(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root.valid()) {
    return FileError(errno, "open", shown);
  }
  return root;
}

absl::StatusOr<UniqueFd> OpenRegularBeneath(int root, const std::string& name) {
  open_how how = {};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  // O_PATH opens without touching what is there. A last symbolic link is an error all the same.
  UniqueFd path(static_cast<int>(syscall(SYS_openat2, root, name.c_str(), &how, sizeof(how))));
  if (!path.valid()) {
    if (errno == ELOOP || errno == EXDEV) {
      return PathDenied(name, "a symbolic link is on the way");
    }
    return FileError(errno, "open", name);
  }
  return Reopen(path, name);
}

absl::StatusOr<UniqueFd> OpenRegularFile(const std::string& path, absl::string_view shown) {
  const UniqueFd file(open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!file.valid()) {
    return FileError(errno, "open", shown);
  }
  return Reopen(file, shown);
}

}  // namespace holkas
