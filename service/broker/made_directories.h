#ifndef HOLKAS_SERVICE_BROKER_MADE_DIRECTORIES_H_
#define HOLKAS_SERVICE_BROKER_MADE_DIRECTORIES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace holkas {

// Directories that a job makes on the way to where it writes. Destroying it removes those that are
// empty again, unless they are to stay; a job that found one of them there makes it anew when it is
// gone. Not thread-safe.
class MadeDirectories {
 public:
  MadeDirectories() = default;
  MadeDirectories(const MadeDirectories&) = delete;
  ~MadeDirectories();

  // Makes what is missing of the absolute path `path`. Messages do not show it.
  // Errors: PERMISSION_DENIED (PATH_DENIED), FAILED_PRECONDITION where a file is on the way...
  absl::Status Make(const std::string& path);

  // Lets those that were made stay, durably.
  absl::Status Keep();

 private:
  std::vector<std::string> made_;
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_BROKER_MADE_DIRECTORIES_H_
