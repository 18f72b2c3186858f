#include "service/broker/spool_files.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "proto/wire/status_macros.h"
#include "service/broker/image_directory.h"
#include "service/broker/limit_exceeded.h"
#include "service/broker/unnamed_file.h"

namespace holkas {
namespace {

constexpr int64_t kStatBlockBytes = 512;

}  // namespace

absl::StatusOr<UniqueFd> SpoolFiles::Create() {
  if (static_cast<int>(files_.size()) >= max_files_) {
    return LimitExceeded("temporary files", max_files_);
  }
  ASSIGN_OR_RETURN(UniqueFd file, OpenUnnamedFile(directory_, "a temporary file"));
  UniqueFd own(fcntl(file.get(), F_DUPFD_CLOEXEC, 0));
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
