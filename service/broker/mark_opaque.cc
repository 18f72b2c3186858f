#include "service/broker/mark_opaque.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/unique_fd.h"
#include "service/broker/image_directory.h"
#include "service/broker/violation.h"

namespace holkas {
namespace {

constexpr size_t kMaxPathBytes = 4096;
constexpr char kAttribute[] = "trusted.overlay.opaque";
constexpr char kValue[] = "y";

// Not valid, with errno, where the directory cannot be opened.
UniqueFd OpenBelow(int directory, const std::string& path, uint64_t more_resolve) {
  open_how how = {};
  how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | more_resolve;
  return UniqueFd(
      static_cast<int>(syscall(SYS_openat2, directory, path.c_str(), &how, sizeof(how))));
}

}  // namespace

absl::Status MarkOpaque(int graph_root, const std::string& path) {
  if (path.empty() || path.size() > kMaxPathBytes || path.find('\0') != std::string::npos) {
    return Violation("a directory without a path");
  }
  // The driver's directory may be a mount: containers/storage mounts it onto itself. Nothing below
  // it may, since that would be a container's file system.
  const size_t slash = std::min(path.find('/', 1), path.size());
  UniqueFd directory = OpenBelow(graph_root, path.substr(0, slash), 0);
  if (directory.valid() && slash < path.size()) {
    directory = OpenBelow(directory.get(), path.substr(slash + 1), RESOLVE_NO_XDEV);
  }
  // What the worker asked for is not repeated to it: it is not fit to be shown.
  if (!directory.valid()) {
    const bool denied = errno == ELOOP || errno == EXDEV || errno == ENOTDIR;
    return denied ? MakeError(absl::StatusCode::kPermissionDenied, "PATH_DENIED",
                              "mark a directory of the store: not a directory of it")
                  : FileError(errno, "mark", "a directory of the store");
  }
  if (fsetxattr(directory.get(), kAttribute, kValue, sizeof(kValue) - 1, 0) != 0) {
    return FileError(errno, absl::StrCat("set ", kAttribute, " of"), "a directory of the store");
  }
  return absl::OkStatus();
}

}  // namespace holkas
