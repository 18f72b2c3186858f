#ifndef HOLKAS_WORKER_IMAGE_STRICT_JSON_H_
#define HOLKAS_WORKER_IMAGE_STRICT_JSON_H_

#include <cstddef>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "worker/image/json_value.h"

namespace holkas {

// Arrays and objects are never nested deeper.
inline constexpr int kMaxJsonDepth = 64;
// A document never has more values: an index of kMaxIndexEntries images has a third of that. It
// bounds the memory that small values take, some 100 bytes each.
inline constexpr size_t kMaxJsonValues = 300000;

// Parses a JSON document that nobody is trusted to have written well: exactly one value, valid
// UTF-8 without a byte order mark, no duplicate key, no lone surrogate. The caller bounds its size.
// Errors: INVALID_ARGUMENT without a reason; RESOURCE_EXHAUSTED (LIMIT_EXCEEDED) for one that is
// too deep or has too many values.
absl::StatusOr<JsonValue> ParseStrictJson(absl::string_view text);

}  // namespace holkas

#endif  // HOLKAS_WORKER_IMAGE_STRICT_JSON_H_
