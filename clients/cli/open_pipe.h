#ifndef HOLKAS_CLIENTS_CLI_OPEN_PIPE_H_
#define HOLKAS_CLIENTS_CLI_OPEN_PIPE_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/wire/unique_fd.h"

namespace holkas {

// Tells whether something is still waited for: called some times a second, it ends the wait with
// its error.
using CheckWait = std::function<absl::Status()>;

// Waits until `input` has something to read, or is at its end. Errors: those of `check`.
absl::Status AwaitInput(int input, const CheckWait& check);

// The pipe at `path`, for writing once somebody reads it, for reading once something is to be read
// or its end: as open(2) with O_WRONLY or O_RDONLY, but for the wait, which `check` can end.
// Errors: those of open(2) and of `check`.
absl::StatusOr<UniqueFd> OpenPipe(const std::string& path, int flags, const CheckWait& check);

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_OPEN_PIPE_H_
