#ifndef HOLKAS_CLIENTS_CLI_FILE_ERROR_H_
#define HOLKAS_CLIENTS_CLI_FILE_ERROR_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace holkas {

// The failure of the system call `step` on the file at `path`, in Go's words: `open /a: no such
// file or directory`. Code and reason are those of ErrnoError.
absl::Status FileError(int error, absl::string_view step, const std::string& path);

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_FILE_ERROR_H_
