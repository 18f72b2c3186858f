#include "service/broker/unnamed_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "service/broker/image_directory.h"
#include "service/broker/staging_directory.h"

namespace holkas {

absl::StatusOr<UniqueFd> OpenUnnamedFile(const std::string& directory, absl::string_view shown) {
  UniqueFd file(open(directory.c_str(), O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC, 0600));
  if (!file.valid() && (errno == EOPNOTSUPP || errno == EISDIR)) {
    const std::string name = absl::StrCat(directory, "/", RandomName("holkas-"));
    file.reset(open(name.c_str(), O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (file.valid()) {
      unlink(name.c_str());
    }
  }
  if (!file.valid()) {
    return FileError(errno, "create", shown);
  }
  return file;
}

}  // namespace holkas
