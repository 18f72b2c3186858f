#ifndef HOLKAS_PROTO_CREDENTIALS_AUTH_FILE_JSON_H_
#define HOLKAS_PROTO_CREDENTIALS_AUTH_FILE_JSON_H_

#include <nlohmann/json.hpp>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace holkas {

// The JSON object `text` of a file of credentials. Where a name stands twice, the last one counts,
// as with Go. Errors: INVALID_ARGUMENT, which tells nothing of what the text says, where it is none
// or has more than 32 levels.
absl::StatusOr<nlohmann::json> ParseAuthJson(absl::string_view text);

}  // namespace holkas

#endif  // HOLKAS_PROTO_CREDENTIALS_AUTH_FILE_JSON_H_
