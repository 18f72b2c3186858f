#ifndef HOLKAS_PROTO_WIRE_READ_CONFIG_FILE_H_
#define HOLKAS_PROTO_WIRE_READ_CONFIG_FILE_H_

#include <string>

#include "absl/status/statusor.h"

namespace holkas {

// The content of a file that people write: registries.conf, storage.conf.
// Errors: those of opening and reading, with the path; INVALID_ARGUMENT (INVALID_CONFIG) for more
// than 1 MiB.
absl::StatusOr<std::string> ReadConfigFile(const std::string& path);

}  // namespace holkas

#endif  // HOLKAS_PROTO_WIRE_READ_CONFIG_FILE_H_
