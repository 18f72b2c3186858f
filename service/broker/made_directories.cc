#include "service/broker/made_directories.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/status/statusor.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/unique_fd.h"
#include "service/broker/destination.h"
#include "service/broker/image_directory.h"

namespace holkas {

MadeDirectories::~MadeDirectories() {
  for (auto path = made_.rbegin(); path != made_.rend(); ++path) {
    rmdir(path->c_str());
  }
}

absl::Status MadeDirectories::Make(const std::string& path) {
  for (size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    if (mkdir(part.c_str(), 0755) == 0) {
      made_.push_back(part);
    } else if (errno != EEXIST) {
      return FileError(errno, "mkdir", "the directory of shared blobs");
    }
    if (end == std::string::npos) {
      return absl::OkStatus();
    }
  }
}

absl::Status MadeDirectories::Keep() {
  for (const std::string& path : made_) {
    ASSIGN_OR_RETURN(const UniqueFd parent,
                     OpenRoot(path + "/..", "the directory of shared blobs"));
    RETURN_IF_ERROR(SyncDirectory(parent.get()));
  }
  made_.clear();
  return absl::OkStatus();
}

}  // namespace holkas
