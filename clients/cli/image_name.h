#ifndef HOLKAS_CLIENTS_CLI_IMAGE_NAME_H_
#define HOLKAS_CLIENTS_CLI_IMAGE_NAME_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace holkas {

// The image that the user typed, as the server is to be told: checked here already, so that a
// mistyped name costs no server, and with the paths of `oci:`, `dir:`, `docker-archive:`,
// `oci-archive:`, `sif:` and `tarball:` made absolute from `working_directory`, because the server
// has another one. Errors: INVALID_ARGUMENT with Skopeo's text.
absl::StatusOr<std::string> ResolveImageName(absl::string_view name,
                                             absl::string_view working_directory);

// Whether the name of an image says where in a file system it is: `oci:`, `dir:`,
// `docker-archive:`, `oci-archive:`, `sif:` and `tarball:`.
bool HasPath(absl::string_view name);

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_IMAGE_NAME_H_
