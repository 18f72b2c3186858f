#ifndef HOLKAS_WORKER_TRANSPORTS_DOCKER_ARCHIVE_RAW_JSON_H_
#define HOLKAS_WORKER_TRANSPORTS_DOCKER_ARCHIVE_RAW_JSON_H_

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace holkas {

// The members of the JSON object `text`, each as it is written there, but compact: without blanks,
// and with <, >, &, U+2028 and U+2029 escaped, as Go's json.RawMessage is written again. Unlike
// JsonValue it keeps how numbers and strings are spelled.
// Errors: INVALID_ARGUMENT without a reason where it is no object (ParseStrictJson).
absl::StatusOr<std::map<std::string, std::string>> RawMembers(absl::string_view text);

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_DOCKER_ARCHIVE_RAW_JSON_H_
