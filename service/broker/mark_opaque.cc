#include "service/broker/mark_opaque.h"

#include <sys/xattr.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/unique_fd.h"
#include "service/broker/image_directory.h"
#include "service/broker/store_directory.h"
#include "service/broker/violation.h"

namespace holkas {
namespace {

constexpr size_t kMaxPathBytes = 4096;
constexpr char kAttribute[] = "trusted.overlay.opaque";
constexpr char kValue[] = "y";

}  // namespace

absl::Status MarkOpaque(int graph_root, const std::string& path) {
  if (path.empty() || path.size() > kMaxPathBytes || path.find('\0') != std::string::npos) {
    return Violation("a directory without a path");
  }
  const size_t slash = std::min(path.find('/', 1), path.size());
  ASSIGN_OR_RETURN(UniqueFd directory, OpenDriverDirectory(graph_root, path.substr(0, slash)));
  if (slash < path.size()) {
    ASSIGN_OR_RETURN(directory, OpenInDriver(directory.get(), path.substr(slash + 1)));
  }
  if (fsetxattr(directory.get(), kAttribute, kValue, sizeof(kValue) - 1, 0) != 0) {
    return FileError(errno, absl::StrCat("set ", kAttribute, " of"), "a directory of the store");
  }
  return absl::OkStatus();
}

}  // namespace holkas
