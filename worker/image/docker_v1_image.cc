#include "worker/image/docker_v1_image.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/types/span.h"
#include "proto/wire/status_macros.h"
#include "worker/image/json_fields.h"
#include "worker/image/json_value.h"
#include "worker/image/rfc3339.h"
#include "worker/image/strict_json.h"

namespace holkas {
namespace {

// The first Docker that writes all fields.
constexpr absl::string_view kCompleteVersion = "1.8.3";
constexpr absl::string_view kGoZeroTime = "0001-01-01T00:00:00Z";

enum class Kind { kString, kBool, kInt, kTime, kStrings, kStringMap, kSet, kObject };

enum class Empty {
  kWritten,   // as an empty string, false, or null
  kLeftOut,   // where it is empty, or not there
  kOptional,  // where it is not there
};

struct Field {
  absl::string_view key;
  Kind kind = Kind::kString;
  Empty empty = Empty::kWritten;
  // Of an object.
  absl::Span<const Field> fields = {};
};

constexpr std::array<Field, 5> kHealthcheck = {{
    {"Test", Kind::kStrings, Empty::kLeftOut},
    {"StartPeriod", Kind::kInt, Empty::kLeftOut},
    {"Interval", Kind::kInt, Empty::kLeftOut},
    {"Timeout", Kind::kInt, Empty::kLeftOut},
    {"Retries", Kind::kInt, Empty::kLeftOut},
}};

constexpr std::array<Field, 25> kContainer = {{
    {"Hostname"},
    {"Domainname"},
    {"User"},
    {"AttachStdin", Kind::kBool},
    {"AttachStdout", Kind::kBool},
    {"AttachStderr", Kind::kBool},
    {"ExposedPorts", Kind::kSet, Empty::kLeftOut},
    {"Tty", Kind::kBool},
    {"OpenStdin", Kind::kBool},
    {"StdinOnce", Kind::kBool},
    {"Env", Kind::kStrings},
    {"Cmd", Kind::kStrings},
    {"Healthcheck", Kind::kObject, Empty::kOptional, kHealthcheck},
    {"ArgsEscaped", Kind::kBool, Empty::kLeftOut},
    {"Image"},
    {"Volumes", Kind::kSet},
    {"WorkingDir"},
    {"Entrypoint", Kind::kStrings},
    {"NetworkDisabled", Kind::kBool, Empty::kLeftOut},
    {"MacAddress", Kind::kString, Empty::kLeftOut},
    {"OnBuild", Kind::kStrings},
    {"Labels", Kind::kStringMap},
    {"StopSignal", Kind::kString, Empty::kLeftOut},
    {"StopTimeout", Kind::kInt, Empty::kOptional},
    {"Shell", Kind::kStrings, Empty::kLeftOut},
}};

constexpr std::array<Field, 13> kImage = {{
    {"id", Kind::kString, Empty::kLeftOut},
    {"parent", Kind::kString, Empty::kLeftOut},
    {"comment", Kind::kString, Empty::kLeftOut},
    {"created", Kind::kTime},
    {"container", Kind::kString, Empty::kLeftOut},
    {"container_config", Kind::kObject, Empty::kWritten, kContainer},
    {"docker_version", Kind::kString, Empty::kLeftOut},
    {"author", Kind::kString, Empty::kLeftOut},
    {"config", Kind::kObject, Empty::kOptional, kContainer},
    {"architecture", Kind::kString, Empty::kLeftOut},
    {"variant", Kind::kString, Empty::kLeftOut},
    {"os", Kind::kString, Empty::kLeftOut},
    {"Size", Kind::kInt, Empty::kLeftOut},
}};

// A value as it is written, and whether Go calls it empty.
struct Written {
  JsonValue value;
  bool is_empty = false;
};

absl::StatusOr<Written> CompleteObject(const JsonValue& object, absl::Span<const Field> fields);

absl::StatusOr<Written> StringsOf(const JsonValue& object, absl::string_view key) {
  ASSIGN_OR_RETURN(const auto strings, FindStrings(object, key));
  if (!strings.has_value()) {
    return Written{JsonValue(), true};
  }
  JsonArray array;
  for (const std::string& text : *strings) {
    array.emplace_back(text);
  }
  return Written{JsonValue(std::move(array)), strings->empty()};
}

absl::StatusOr<Written> StringMapOf(const JsonValue& object, absl::string_view key) {
  ASSIGN_OR_RETURN(const auto map, FindStringMap(object, key));
  if (!map.has_value()) {
    return Written{JsonValue(), true};
  }
  JsonObject members;
  for (const auto& [name, text] : *map) {
    members.push_back({name, JsonValue(text)});
  }
  return Written{JsonValue(std::move(members)), map->empty()};
}

absl::StatusOr<Written> SetOf(const JsonValue& object, absl::string_view key) {
  ASSIGN_OR_RETURN(const JsonObject* members, FindObject(object, key));
  if (members == nullptr) {
    return Written{JsonValue(), true};
  }
  JsonObject set;
  for (const JsonMember& member : *members) {
    if (!member.value.is_null() && member.value.object() == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat("\"", key, "\" is not of objects alone"));
    }
    set.push_back({member.key, JsonValue(JsonObject())});
  }
  std::sort(set.begin(), set.end(),
            [](const JsonMember& a, const JsonMember& b) { return a.key < b.key; });
  const bool is_empty = set.empty();
  return Written{JsonValue(std::move(set)), is_empty};
}

absl::StatusOr<Written> TimeOf(const JsonValue& object, absl::string_view key) {
  ASSIGN_OR_RETURN(const std::optional<std::string> text, FindString(object, key));
  if (!text.has_value()) {
    return Written{JsonValue(kGoZeroTime)};
  }
  ASSIGN_OR_RETURN(const Rfc3339Time time, ParseRfc3339(*text));
  return Written{JsonValue(time.text)};
}

absl::StatusOr<Written> CompleteValue(const JsonValue& object, const Field& field) {
  switch (field.kind) {
    case Kind::kString: {
      ASSIGN_OR_RETURN(const std::string text, GetString(object, field.key));
      return Written{JsonValue(text), text.empty()};
    }
    case Kind::kBool: {
      ASSIGN_OR_RETURN(const bool value, GetBool(object, field.key));
      return Written{JsonValue(value), !value};
    }
    case Kind::kInt: {
      ASSIGN_OR_RETURN(const std::optional<int64_t> value, FindInt64(object, field.key));
      return Written{JsonValue(value.value_or(0)), value.value_or(0) == 0};
    }
    case Kind::kTime:
      return TimeOf(object, field.key);
    case Kind::kStrings:
      return StringsOf(object, field.key);
    case Kind::kStringMap:
      return StringMapOf(object, field.key);
    case Kind::kSet:
      return SetOf(object, field.key);
    case Kind::kObject: {
      const JsonValue* value = FindField(object, field.key);
      return CompleteObject(value == nullptr ? JsonValue(JsonObject()) : *value, field.fields);
    }
  }
  return absl::InternalError("unknown kind of field");
}

// The recursion is as deep as the tables are.
absl::StatusOr<Written> CompleteObject(const JsonValue& object, absl::Span<const Field> fields) {
  std::vector<absl::string_view> keys;
  for (const Field& field : fields) {
    keys.push_back(field.key);
  }
  RETURN_IF_ERROR(CheckKeyCase(object, keys));
  JsonObject members;
  for (const Field& field : fields) {
    if (field.empty == Empty::kOptional && FindField(object, field.key) == nullptr) {
      continue;
    }
    ASSIGN_OR_RETURN(Written written, CompleteValue(object, field));
    if (field.empty != Empty::kLeftOut || !written.is_empty) {
      members.push_back({std::string(field.key), std::move(written.value)});
    }
  }
  return Written{JsonValue(std::move(members))};
}

// A part of a version that is no number counts as 0, one that is too large as the largest.
int64_t VersionPart(const std::vector<absl::string_view>& parts, size_t i) {
  int64_t number = 0;
  if (i < parts.size() && !absl::SimpleAtoi(parts[i], &number) &&
      number != std::numeric_limits<int64_t>::max()) {
    return 0;
  }
  return number;
}

bool IsVersionLess(absl::string_view a, absl::string_view b) {
  const std::vector<absl::string_view> a_parts = absl::StrSplit(a, '.');
  const std::vector<absl::string_view> b_parts = absl::StrSplit(b, '.');
  for (size_t i = 0; i < std::max(a_parts.size(), b_parts.size()); ++i) {
    const int64_t a_part = VersionPart(a_parts, i);
    const int64_t b_part = VersionPart(b_parts, i);
    if (a_part != b_part) {
      return a_part < b_part;
    }
  }
  return false;
}

}  // namespace

absl::StatusOr<std::string> CompleteDockerV1Image(absl::string_view v1_compatibility) {
  ASSIGN_OR_RETURN(const JsonValue root, ParseStrictJson(v1_compatibility));
  ASSIGN_OR_RETURN(const std::string version, GetString(root, "docker_version"));
  if (version.empty() || !IsVersionLess(version, kCompleteVersion)) {
    return std::string(v1_compatibility);
  }
  ASSIGN_OR_RETURN(const Written image, CompleteObject(root, kImage));
  return image.value.Write();
}

}  // namespace holkas
