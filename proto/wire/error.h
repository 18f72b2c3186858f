#ifndef HOLKAS_PROTO_WIRE_ERROR_H_
#define HOLKAS_PROTO_WIRE_ERROR_H_

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace holkas {

// The google.rpc.ErrorInfo domain of every error.
inline constexpr absl::string_view kErrorDomain = "holkas.dev";

// Makes a status with an ErrorInfo reason (UPPER_SNAKE, from the list in image_service.proto).
// Message form: what failed, on what, why; lower case.
absl::Status MakeError(absl::StatusCode code, absl::string_view reason, absl::string_view message,
                       const std::map<std::string, std::string>& metadata = {});

// The reason of `status`; empty where it has none.
std::string ErrorReason(const absl::Status& status);

// The metadata of `status`; empty where it has none.
std::map<std::string, std::string> ErrorMetadata(const absl::Status& status);

// The same status with `context` and ": " before its message; reason and metadata are kept.
// OK stays OK.
absl::Status WithContext(const absl::Status& status, absl::string_view context);

// The text of a system call's failure: `what: strerror(error_number)`. ENOSPC and EDQUOT are
// RESOURCE_EXHAUSTED with the reason DISK_FULL; others have the code that Abseil gives them.
absl::Status ErrnoError(int error_number, absl::string_view what);

}  // namespace holkas

#endif  // HOLKAS_PROTO_WIRE_ERROR_H_
