#ifndef HOLKAS_SERVICE_BROKER_UNNAMED_FILE_H_
#define HOLKAS_SERVICE_BROKER_UNNAMED_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/wire/unique_fd.h"

namespace holkas {

// A new empty file in `directory`, for reading and writing, that has no name and is gone with its
// last descriptor. Where the file system has no such files it had a name for a moment.
// Errors: RESOURCE_EXHAUSTED (DISK_FULL); NOT_FOUND and PERMISSION_DENIED (PATH_DENIED) of the
// directory. Messages call it `shown`.
absl::StatusOr<UniqueFd> OpenUnnamedFile(const std::string& directory, absl::string_view shown);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_BROKER_UNNAMED_FILE_H_
