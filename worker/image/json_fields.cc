#include "worker/image/json_fields.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

absl::Status WrongType(absl::string_view key, absl::string_view want) {
  return absl::InvalidArgumentError(absl::StrCat("\"", key, "\" is not ", want));
}

// The key as Go's decoder compares it: without case, and the long s and the Kelvin sign are letters
// of ASCII.
std::string FoldKey(absl::string_view key) {
  std::string folded;
  folded.reserve(key.size());
  for (size_t i = 0; i < key.size(); ++i) {
    if (absl::StartsWith(key.substr(i), "\xc5\xbf")) {
      folded.push_back('s');
      i += 1;
    } else if (absl::StartsWith(key.substr(i), "\xe2\x84\xaa")) {
      folded.push_back('k');
      i += 2;
    } else {
      folded.push_back(absl::ascii_tolower(key[i]));
    }
  }
  return folded;
}

absl::StatusOr<std::string> StringOf(const JsonValue& value, absl::string_view key) {
  if (value.is_null()) {
    return std::string();
  }
  if (value.string() == nullptr) {
    return WrongType(key, "of strings alone");
  }
  return *value.string();
}

}  // namespace

absl::Status CheckKeyCase(const JsonValue& object, absl::Span<const absl::string_view> known) {
  const JsonObject* members = object.object();
  if (members == nullptr) {
    return absl::InvalidArgumentError("not a JSON object");
  }
  std::vector<std::string> folded_known;
  for (absl::string_view key : known) {
    folded_known.push_back(FoldKey(key));
  }
  for (const JsonMember& member : *members) {
    std::string folded = FoldKey(member.key);
    for (size_t i = 0; i < known.size(); ++i) {
      if (folded == folded_known[i] && member.key != known[i]) {
        return absl::InvalidArgumentError(
            absl::StrCat("key differs from \"", known[i], "\" in case alone"));
      }
    }
  }
  return absl::OkStatus();
}

const JsonValue* FindField(const JsonValue& object, absl::string_view key) {
  const JsonValue* value = object.Find(key);
  return value == nullptr || value->is_null() ? nullptr : value;
}

absl::StatusOr<std::optional<std::string>> FindString(const JsonValue& object,
                                                      absl::string_view key) {
  const JsonValue* value = FindField(object, key);
  if (value == nullptr) {
    return std::nullopt;
  }
  if (value->string() == nullptr) {
    return WrongType(key, "a string");
  }
  return *value->string();
}

absl::StatusOr<std::string> GetString(const JsonValue& object, absl::string_view key) {
  ASSIGN_OR_RETURN(std::optional<std::string> value, FindString(object, key));
  return std::move(value).value_or("");
}

absl::StatusOr<std::optional<int64_t>> FindInt64(const JsonValue& object, absl::string_view key) {
  const JsonValue* value = FindField(object, key);
  if (value == nullptr) {
    return std::nullopt;
  }
  int64_t number = 0;
  if (value->number() == nullptr || !absl::SimpleAtoi(value->number()->text, &number)) {
    return WrongType(key, "an integer of 64 bits");
  }
  return number;
}

absl::StatusOr<bool> GetBool(const JsonValue& object, absl::string_view key) {
  const JsonValue* value = FindField(object, key);
  if (value == nullptr) {
    return false;
  }
  if (value->boolean() == nullptr) {
    return WrongType(key, "a boolean");
  }
  return *value->boolean();
}

absl::StatusOr<const JsonObject*> FindObject(const JsonValue& object, absl::string_view key) {
  const JsonValue* value = FindField(object, key);
  if (value == nullptr) {
    return nullptr;
  }
  if (value->object() == nullptr) {
    return WrongType(key, "an object");
  }
  return value->object();
}

absl::StatusOr<const JsonArray*> FindArray(const JsonValue& object, absl::string_view key) {
  const JsonValue* value = FindField(object, key);
  if (value == nullptr) {
    return nullptr;
  }
  if (value->array() == nullptr) {
    return WrongType(key, "an array");
  }
  return value->array();
}

absl::StatusOr<std::optional<std::vector<std::string>>> FindStrings(const JsonValue& object,
                                                                    absl::string_view key) {
  ASSIGN_OR_RETURN(const JsonArray* array, FindArray(object, key));
  if (array == nullptr) {
    return std::nullopt;
  }
  std::vector<std::string> strings;
  strings.reserve(array->size());
  for (const JsonValue& item : *array) {
    ASSIGN_OR_RETURN(std::string text, StringOf(item, key));
    strings.push_back(std::move(text));
  }
  return strings;
}

absl::StatusOr<std::optional<std::map<std::string, std::string>>> FindStringMap(
    const JsonValue& object, absl::string_view key) {
  ASSIGN_OR_RETURN(const JsonObject* members, FindObject(object, key));
  if (members == nullptr) {
    return std::nullopt;
  }
  std::map<std::string, std::string> map;
  for (const JsonMember& member : *members) {
    ASSIGN_OR_RETURN(std::string text, StringOf(member.value, key));
    map.emplace(member.key, std::move(text));
  }
  return map;
}

}  // namespace holkas
