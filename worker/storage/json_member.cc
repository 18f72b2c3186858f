#include "worker/storage/json_member.h"

#include <utility>

namespace holkas {

void SetMember(JsonValue& object, absl::string_view key, JsonValue value) {
  if (JsonValue* member = object.Find(key)) {
    *member = std::move(value);
  } else {
    object.object()->push_back({std::string(key), std::move(value)});
  }
}

bool HasId(const JsonValue& record, absl::string_view id) {
  const JsonValue* value = record.Find("id");
  return value != nullptr && value->string() != nullptr && *value->string() == id;
}

}  // namespace holkas
