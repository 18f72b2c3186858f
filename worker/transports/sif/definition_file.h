#ifndef HOLKAS_WORKER_TRANSPORTS_SIF_DEFINITION_FILE_H_
#define HOLKAS_WORKER_TRANSPORTS_SIF_DEFINITION_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace holkas {

// What of a Singularity definition file becomes part of an image.

// The bytes of one that is read.
inline constexpr int64_t kMaxDefinitionBytes = 1 << 20;

// The script that sets what %environment sets and runs what %runscript runs, as Skopeo makes it:
// lines without blanks around them, and of %environment those alone that are neither empty nor
// comments. Empty where neither section has a line.
// Errors: FAILED_PRECONDITION (INVALID_ARCHIVE) for a line of 64 KiB, which Skopeo does not read.
absl::StatusOr<std::string> RunscriptOf(absl::string_view definition);

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_SIF_DEFINITION_FILE_H_
