#include "service/config/followed_files.h"

#include <sys/stat.h>

#include "absl/strings/str_cat.h"

namespace holkas {

std::string LookOfFiles(const std::vector<std::string>& paths) {
  std::string look;
  for (const std::string& path : paths) {
    struct stat status = {};
    if (stat(path.c_str(), &status) != 0) {
      absl::StrAppend(&look, path, " -\n");
      continue;
    }
    absl::StrAppend(&look, path, " ", status.st_dev, " ", status.st_ino, " ", status.st_size, " ",
                    status.st_mtim.tv_sec, ".", status.st_mtim.tv_nsec, " ", status.st_ctim.tv_sec,
                    ".", status.st_ctim.tv_nsec, "\n");
  }
  return look;
}

}  // namespace holkas
