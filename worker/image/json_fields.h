#ifndef HOLKAS_WORKER_IMAGE_JSON_FIELDS_H_
#define HOLKAS_WORKER_IMAGE_JSON_FIELDS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "worker/image/json_value.h"

namespace holkas {

// Typed access to the members of a JSON object, for documents that tools written in Go make: a
// member that is null is the same as one that is not there. Everywhere, INVALID_ARGUMENT without a
// reason for a value of another type than asked for; it names the key.

// Refuses an object with a key that differs from one of `known` in case alone. Go's decoder would
// take it for that one, so that two tools would read two things (CVE-2021-41190).
absl::Status CheckKeyCase(const JsonValue& object, absl::Span<const absl::string_view> known);

// The member where it is there and not null; else null.
const JsonValue* FindField(const JsonValue& object, absl::string_view key);

absl::StatusOr<std::optional<std::string>> FindString(const JsonValue& object,
                                                      absl::string_view key);
// Empty where it is not there.
absl::StatusOr<std::string> GetString(const JsonValue& object, absl::string_view key);
// An integer without fraction and exponent.
absl::StatusOr<std::optional<int64_t>> FindInt64(const JsonValue& object, absl::string_view key);
// False where it is not there.
absl::StatusOr<bool> GetBool(const JsonValue& object, absl::string_view key);

// Null where it is not there.
absl::StatusOr<const JsonObject*> FindObject(const JsonValue& object, absl::string_view key);
absl::StatusOr<const JsonArray*> FindArray(const JsonValue& object, absl::string_view key);

// An element or a value that is null is an empty string. nullopt where the member is not there.
absl::StatusOr<std::optional<std::vector<std::string>>> FindStrings(const JsonValue& object,
                                                                    absl::string_view key);
absl::StatusOr<std::optional<std::map<std::string, std::string>>> FindStringMap(
    const JsonValue& object, absl::string_view key);

}  // namespace holkas

#endif  // HOLKAS_WORKER_IMAGE_JSON_FIELDS_H_
