#ifndef HOLKAS_CLIENTS_CLI_SPOOLED_INPUT_H_
#define HOLKAS_CLIENTS_CLI_SPOOLED_INPUT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "proto/wire/unique_fd.h"

namespace holkas {

// The standard input that `tarball:-` names, as files that a server of the same machine opens by
// their place in /proc. They have no name and are gone with this object. For copy and inspect.
class SpooledInput {
 public:
  // In `image`, a name that ResolveImageName made, puts such a file in the place of each `-`, with
  // all that can still be read from `input_fd`: the second one is empty, as Skopeo's.
  // Errors: those of reading and writing.
  absl::Status Resolve(std::string& image, int input_fd);

 private:
  std::vector<UniqueFd> files_;
};

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_SPOOLED_INPUT_H_
