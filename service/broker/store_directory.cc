#include "service/broker/store_directory.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "absl/status/status.h"
#include "proto/wire/error.h"
#include "service/broker/image_directory.h"

namespace holkas {
namespace {

absl::StatusOr<UniqueFd> OpenBelow(int directory, const std::string& path, uint64_t more_resolve) {
  open_how how = {};
  how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | more_resolve;
  UniqueFd opened(
      static_cast<int>(syscall(SYS_openat2, directory, path.c_str(), &how, sizeof(how))));
  if (opened.valid()) {
    return opened;
  }
  const bool denied = errno == ELOOP || errno == EXDEV || errno == ENOTDIR;
  return denied ? MakeError(absl::StatusCode::kPermissionDenied, "PATH_DENIED",
                            "open a directory of the store: not a directory of it")
                : FileError(errno, "open", "a directory of the store");
}

}  // namespace

absl::StatusOr<UniqueFd> OpenDriverDirectory(int graph_root, const std::string& path) {
  return OpenBelow(graph_root, path, 0);
}

absl::StatusOr<UniqueFd> OpenInDriver(int driver, const std::string& path) {
  return OpenBelow(driver, path, RESOLVE_NO_XDEV);
}

}  // namespace holkas
