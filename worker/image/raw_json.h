#ifndef HOLKAS_WORKER_IMAGE_RAW_JSON_H_
#define HOLKAS_WORKER_IMAGE_RAW_JSON_H_

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace holkas {

// The members of a JSON object as they are written, by their keys in the order of bytes: for
// documents of which some members are replaced and the others stay as they are, escapes and digits
// included. Go's tools keep such documents as a map of raw messages; digests depend on the form.
using RawJsonObject = std::map<std::string, std::string>;

// Parses strictly (ParseStrictJson).
// Errors: INVALID_ARGUMENT where `text` is no object; RESOURCE_EXHAUSTED (LIMIT_EXCEEDED).
absl::StatusOr<RawJsonObject> ParseRawJsonObject(absl::string_view text);

// Compact JSON as Go writes it: without blanks, and with <, >, & and the line separators escaped.
std::string WriteRawJsonObject(const RawJsonObject& object);

}  // namespace holkas

#endif  // HOLKAS_WORKER_IMAGE_RAW_JSON_H_
