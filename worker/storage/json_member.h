#ifndef HOLKAS_WORKER_STORAGE_JSON_MEMBER_H_
#define HOLKAS_WORKER_STORAGE_JSON_MEMBER_H_

#include <string>

#include "absl/strings/string_view.h"
#include "worker/image/json_value.h"

namespace holkas {

// Sets a member of `object`, which is one, in its place or behind the others.
void SetMember(JsonValue& object, absl::string_view key, JsonValue value);

// Whether a record of a store has the identity.
bool HasId(const JsonValue& record, absl::string_view id);

}  // namespace holkas

#endif  // HOLKAS_WORKER_STORAGE_JSON_MEMBER_H_
