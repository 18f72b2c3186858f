#ifndef HOLKAS_CLIENTS_CLI_ARCHIVE_STREAM_H_
#define HOLKAS_CLIENTS_CLI_ARCHIVE_STREAM_H_

#include <string>

#include "absl/status/statusor.h"
#include "clients/cli/open_pipe.h"
#include "proto/wire/unique_fd.h"

namespace holkas {

// What is where the paths of archives lead. Descriptors of the process have paths too (/dev/stdin,
// /dev/stdout, /dev/fd/N and /proc/self/fd/N): these mean the descriptor as it is, with its offset.

// Whether the image is an archive that is no file, but comes from somebody or goes to somebody:
// from standard input, to standard output, through a pipe. The path says so, or what is there.
bool IsStream(const std::string& image);
// Whether that is standard output.
bool IsStandardOutput(const std::string& image);

// What takes or gives the bytes of a stream at `path`, opened with `flags`, or another descriptor
// of what is open already. `check` can end the wait for a pipe's other end. Errors: those of
// open(2), dup(2) and `check`.
absl::StatusOr<UniqueFd> OpenStream(const std::string& path, int flags, const CheckWait& check);

// The file of a source that is streamed as it is: an archive that can be opened. Errors: those of
// OpenStream; INVALID_ARGUMENT for what is no archive, or neither a stream nor a file.
absl::StatusOr<UniqueFd> OpenArchive(const std::string& source, const CheckWait& check);

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_ARCHIVE_STREAM_H_
