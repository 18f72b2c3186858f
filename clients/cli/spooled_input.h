#ifndef HOLKAS_CLIENTS_CLI_SPOOLED_INPUT_H_
#define HOLKAS_CLIENTS_CLI_SPOOLED_INPUT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "proto/wire/unique_fd.h"

namespace holkas {

// What images name that no server could read, or not as often as it takes, as files that a server
// of the same machine opens by their place in /proc: the standard input of `tarball:-`, and
// archives that come in a stream. The files have no name and are gone with this object.
class SpooledInput {
 public:
  // In `image`, a name that ResolveImageName made, puts such a file in the place of each `-`, with
  // all that can still be read from `input_fd`: the second one is empty, as Skopeo's.
  // Errors: those of reading and writing; DEADLINE_EXCEEDED.
  absl::Status Resolve(std::string& image, int input_fd, absl::Time deadline);

  // Where `image` is an archive that is a stream (IsStream), puts such a file, with all of the
  // archive, in the place of its path. Errors: the same.
  absl::Status ResolveStream(std::string& image, absl::Time deadline);

 private:
  // The place of a file with what `input_fd` has.
  absl::StatusOr<std::string> Spool(int input_fd, absl::string_view name, absl::Time deadline);

  std::vector<UniqueFd> files_;
};

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_SPOOLED_INPUT_H_
