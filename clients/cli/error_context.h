#ifndef HOLKAS_CLIENTS_CLI_ERROR_CONTEXT_H_
#define HOLKAS_CLIENTS_CLI_ERROR_CONTEXT_H_

#include <string>

#include "absl/status/status.h"

namespace holkas {

// Skopeo's words around what the server says: which step failed, on which image. People's scripts
// match them. What Skopeo has no such step for, and OK, stays as it is.

// Of an inspection of `image`, as the user typed it.
absl::Status WithInspectContext(const absl::Status& status, const std::string& image);

// Of a deletion of `image`, as the user typed it.
absl::Status WithDeleteContext(const absl::Status& status, const std::string& image);

// Of a list of tags of `repository`, as the user typed it.
absl::Status WithListTagsContext(const absl::Status& status, const std::string& repository);

// Of a copy, with its images as the user typed them.
absl::Status WithCopyContext(const absl::Status& status, const std::string& source,
                             const std::string& destination);

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_ERROR_CONTEXT_H_
