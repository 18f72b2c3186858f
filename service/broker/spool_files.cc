#include "service/broker/spool_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/wire/error.h"
#include "service/broker/image_directory.h"
#include "service/broker/limit_exceeded.h"
#include "service/broker/staging_directory.h"

namespace holkas {
namespace {

constexpr int64_t kStatBlockBytes = 512;

UniqueFd OpenUnnamed(const std::string& directory) {
  UniqueFd file(open(directory.c_str(), O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC, 0600));
  if (!file.valid() && (errno == EOPNOTSUPP || errno == EISDIR)) {
    const std::string name = absl::StrCat(directory, "/", RandomName("holkas-"));
    file.reset(open(name.c_str(), O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (file.valid()) {
      unlink(name.c_str());
    }
  }
  return file;
}

}  // namespace

absl::StatusOr<UniqueFd> SpoolFiles::Create() {
  if (static_cast<int>(files_.size()) >= max_files_) {
    return LimitExceeded("temporary files", max_files_);
  }
  UniqueFd file = OpenUnnamed(directory_);
  UniqueFd own(file.valid() ? fcntl(file.get(), F_DUPFD_CLOEXEC, 0) : -1);
  if (!own.valid()) {
    return FileError(errno, "create", "a temporary file");
  }
  files_.push_back(std::move(own));
  return file;
}

absl::Status SpoolFiles::Check() const {
  int64_t bytes = 0;
  for (const UniqueFd& file : files_) {
    struct stat status = {};
    if (fstat(file.get(), &status) == 0) {
      bytes += status.st_blocks * kStatBlockBytes;
    }
  }
  return bytes > max_bytes_ ? LimitExceeded("bytes of temporary files", max_bytes_)
                            : absl::OkStatus();
}

}  // namespace holkas
