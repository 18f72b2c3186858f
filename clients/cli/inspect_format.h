#ifndef HOLKAS_CLIENTS_CLI_INSPECT_FORMAT_H_
#define HOLKAS_CLIENTS_CLI_INSPECT_FORMAT_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "clients/cli/go_value.h"
#include "holkas/v1/image_service.pb.h"

namespace holkas {

// What `inspect --format` prints: a template of Go's over the fields of what is printed otherwise.

// Whether the format asks for the JSON that is printed without one.
bool IsJsonFormat(absl::string_view format);

// The output with its final newline. A backslash before `t` or `n` in the template is a tab or a
// newline; after `table ` its blanks are tabs, and the output stands in columns.
// Errors: INVALID_ARGUMENT for a template that is malformed or asks for what is not there.
absl::StatusOr<std::string> FormatImage(absl::string_view format,
                                        const holkas::v1::InspectResponse& image);
// The same over a configuration, in JSON as the server made it.
absl::StatusOr<std::string> FormatConfig(absl::string_view format, absl::string_view oci_config);

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_INSPECT_FORMAT_H_
