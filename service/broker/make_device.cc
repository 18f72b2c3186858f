#include "service/broker/make_device.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/unique_fd.h"
#include "service/broker/image_directory.h"
#include "service/broker/store_directory.h"
#include "service/broker/violation.h"

namespace holkas {
namespace {

constexpr size_t kMaxPathBytes = 4096;
constexpr absl::string_view kStagingPrefix = ".holkas-";
constexpr size_t kStagingDigits = 16;
// What the kernel has room for.
constexpr uint32_t kMajors = 1 << 12;
constexpr uint32_t kMinors = 1 << 20;

// Where a node is made.
struct NodePath {
  std::string driver;
  std::string staging;
  std::string name;
};

bool IsName(absl::string_view text) { return !text.empty() && text != "." && text != ".."; }

bool IsStaging(absl::string_view name) {
  return absl::ConsumePrefix(&name, kStagingPrefix) && name.size() == kStagingDigits &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return absl::ascii_isdigit(c) || (c >= 'a' && c <= 'f'); });
}

// A finished layer has the same names as a staged one, but is nowhere below a staging directory.
absl::StatusOr<NodePath> ParsePath(absl::string_view path) {
  const std::vector<absl::string_view> names = absl::StrSplit(path, absl::MaxSplits('/', 3));
  const bool is_staged = path.size() <= kMaxPathBytes && path.find('\0') == path.npos &&
                         names.size() == 3 && IsName(names[0]) && IsStaging(names[1]) &&
                         IsName(names[2]);
  if (!is_staged) {
    return Violation("a device that is not in a staging directory");
  }
  return NodePath{std::string(names[0]), std::string(names[1]), std::string(names[2])};
}

absl::StatusOr<mode_t> TypeOf(const broker::MakeDevice& node) {
  if (node.device_major() >= kMajors || node.device_minor() >= kMinors) {
    return Violation("a device of numbers that no device has");
  }
  switch (node.kind()) {
    case broker::DEVICE_KIND_CHARACTER:
      return S_IFCHR;
    case broker::DEVICE_KIND_BLOCK:
      return S_IFBLK;
    default:
      return Violation("a device of no known kind");
  }
}

bool IsRootsAlone(int directory) {
  struct stat info = {};
  return fstat(directory, &info) == 0 && info.st_uid == 0 &&
         (info.st_mode & (S_IRWXG | S_IRWXO)) == 0;
}

}  // namespace

absl::StatusOr<bool> MakeDevice(int graph_root, const broker::MakeDevice& node) {
  ASSIGN_OR_RETURN(const NodePath path, ParsePath(node.path()));
  ASSIGN_OR_RETURN(const mode_t type, TypeOf(node));
  ASSIGN_OR_RETURN(const UniqueFd driver, OpenDriverDirectory(graph_root, path.driver));
  ASSIGN_OR_RETURN(const UniqueFd staging, OpenInDriver(driver.get(), path.staging));
  if (!IsRootsAlone(graph_root) && !IsRootsAlone(driver.get())) {
    return false;
  }
  if (mknodat(staging.get(), path.name.c_str(), type | 0600,
              makedev(node.device_major(), node.device_minor())) == 0) {
    return true;
  }
  if (errno == EPERM || errno == EACCES) {
    return false;
  }
  return FileError(errno, "make", "a device of the store");
}

}  // namespace holkas
