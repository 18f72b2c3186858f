#include "worker/image/image_config.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/image/json_fields.h"
#include "worker/image/manifest.h"
#include "worker/image/strict_json.h"

namespace holkas {
namespace {

constexpr absl::string_view kImageKeys[] = {
    "created", "author", "architecture", "variant",        "os", "os.version", "os.features",
    "config",  "rootfs", "history",      "docker_version",
};
constexpr absl::string_view kExecutionKeys[] = {
    "User",    "ExposedPorts", "Env",    "Entrypoint", "Cmd",
    "Volumes", "WorkingDir",   "Labels", "StopSignal", "ArgsEscaped",
};
constexpr absl::string_view kRootfsKeys[] = {"type", "diff_ids"};
constexpr absl::string_view kHistoryKeys[] = {"created", "created_by", "author", "comment",
                                              "empty_layer"};

absl::StatusOr<std::optional<Rfc3339Time>> FindTime(const JsonValue& object,
                                                    absl::string_view key) {
  ASSIGN_OR_RETURN(std::optional<std::string> text, FindString(object, key));
  if (!text.has_value()) {
    return std::nullopt;
  }
  ASSIGN_OR_RETURN(Rfc3339Time time, ParseRfc3339(*text));
  return time;
}

// The keys of a set that is written as an object of empty objects, sorted.
absl::StatusOr<std::vector<std::string>> GetSet(const JsonValue& object, absl::string_view key) {
  ASSIGN_OR_RETURN(const JsonObject* members, FindObject(object, key));
  std::vector<std::string> keys;
  if (members == nullptr) {
    return keys;
  }
  for (const JsonMember& member : *members) {
    if (!member.value.is_null() && member.value.object() == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat("\"", key, "\" is not of objects alone"));
    }
    keys.push_back(member.key);
  }
  std::sort(keys.begin(), keys.end());
  return keys;
}

absl::StatusOr<ImageConfig::Execution> ParseExecution(const JsonValue& value) {
  RETURN_IF_ERROR(CheckKeyCase(value, kExecutionKeys));
  ImageConfig::Execution config;
  ASSIGN_OR_RETURN(config.user, GetString(value, "User"));
  ASSIGN_OR_RETURN(config.exposed_ports, GetSet(value, "ExposedPorts"));
  ASSIGN_OR_RETURN(config.env, FindStrings(value, "Env"));
  ASSIGN_OR_RETURN(config.entrypoint, FindStrings(value, "Entrypoint"));
  ASSIGN_OR_RETURN(config.cmd, FindStrings(value, "Cmd"));
  ASSIGN_OR_RETURN(config.volumes, GetSet(value, "Volumes"));
  ASSIGN_OR_RETURN(config.working_dir, GetString(value, "WorkingDir"));
  ASSIGN_OR_RETURN(config.labels, FindStringMap(value, "Labels"));
  ASSIGN_OR_RETURN(config.stop_signal, GetString(value, "StopSignal"));
  ASSIGN_OR_RETURN(config.args_escaped, GetBool(value, "ArgsEscaped"));
  return config;
}

absl::StatusOr<ImageConfig::HistoryEntry> ParseHistoryEntry(const JsonValue& value) {
  ImageConfig::HistoryEntry entry;
  if (value.is_null()) {
    return entry;
  }
  RETURN_IF_ERROR(CheckKeyCase(value, kHistoryKeys));
  ASSIGN_OR_RETURN(entry.created, FindTime(value, "created"));
  ASSIGN_OR_RETURN(entry.created_by, GetString(value, "created_by"));
  ASSIGN_OR_RETURN(entry.author, GetString(value, "author"));
  ASSIGN_OR_RETURN(entry.comment, GetString(value, "comment"));
  ASSIGN_OR_RETURN(entry.empty_layer, GetBool(value, "empty_layer"));
  return entry;
}

absl::StatusOr<ImageConfig> ParseImage(const JsonValue& root) {
  RETURN_IF_ERROR(CheckKeyCase(root, kImageKeys));
  ImageConfig image;
  ASSIGN_OR_RETURN(image.created, FindTime(root, "created"));
  ASSIGN_OR_RETURN(image.author, GetString(root, "author"));
  ASSIGN_OR_RETURN(image.architecture, GetString(root, "architecture"));
  ASSIGN_OR_RETURN(image.variant, GetString(root, "variant"));
  ASSIGN_OR_RETURN(image.os, GetString(root, "os"));
  ASSIGN_OR_RETURN(image.os_version, GetString(root, "os.version"));
  ASSIGN_OR_RETURN(image.os_features, FindStrings(root, "os.features"));
  ASSIGN_OR_RETURN(image.docker_version, GetString(root, "docker_version"));
  if (const JsonValue* config = FindField(root, "config")) {
    auto execution = ParseExecution(*config);
    RETURN_IF_ERROR(WithContext(execution.status(), "config"));
    image.config = *std::move(execution);
  }
  if (const JsonValue* rootfs = FindField(root, "rootfs")) {
    RETURN_IF_ERROR(WithContext(CheckKeyCase(*rootfs, kRootfsKeys), "rootfs"));
    ASSIGN_OR_RETURN(image.rootfs_type, GetString(*rootfs, "type"));
    ASSIGN_OR_RETURN(image.diff_ids, FindStrings(*rootfs, "diff_ids"));
  }
  ASSIGN_OR_RETURN(const JsonArray* history, FindArray(root, "history"));
  if (history != nullptr) {
    for (const JsonValue& item : *history) {
      auto entry = ParseHistoryEntry(item);
      RETURN_IF_ERROR(WithContext(entry.status(), absl::StrCat("history ", image.history.size())));
      image.history.push_back(*std::move(entry));
    }
  }
  return image;
}

// Adds members as Go's encoding/json does with omitempty: nothing that is empty.
class ObjectWriter {
 public:
  ObjectWriter& Always(absl::string_view key, JsonValue value) {
    object_.push_back({std::string(key), std::move(value)});
    return *this;
  }
  ObjectWriter& Add(absl::string_view key, const std::string& text) {
    return text.empty() ? *this : Always(key, JsonValue(text));
  }
  ObjectWriter& Add(absl::string_view key, bool value) {
    return value ? Always(key, JsonValue(value)) : *this;
  }
  ObjectWriter& Add(absl::string_view key, const std::optional<Rfc3339Time>& time) {
    return time.has_value() ? Always(key, JsonValue(time->text)) : *this;
  }
  ObjectWriter& Add(absl::string_view key, const ImageConfig::Strings& strings) {
    return strings.has_value() && !strings->empty() ? Always(key, ToJson(*strings)) : *this;
  }
  ObjectWriter& AddSet(absl::string_view key, const std::vector<std::string>& keys) {
    if (keys.empty()) {
      return *this;
    }
    JsonObject set;
    for (const std::string& member : keys) {
      set.push_back({member, JsonValue(JsonObject())});
    }
    return Always(key, JsonValue(std::move(set)));
  }
  JsonValue Take() { return JsonValue(std::move(object_)); }

  static JsonValue ToJson(const std::vector<std::string>& strings) {
    JsonArray array;
    for (const std::string& text : strings) {
      array.emplace_back(text);
    }
    return JsonValue(std::move(array));
  }

 private:
  JsonObject object_;
};

JsonValue ExecutionToJson(const ImageConfig::Execution& config) {
  ObjectWriter writer;
  writer.Add("User", config.user)
      .AddSet("ExposedPorts", config.exposed_ports)
      .Add("Env", config.env)
      .Add("Entrypoint", config.entrypoint)
      .Add("Cmd", config.cmd)
      .AddSet("Volumes", config.volumes)
      .Add("WorkingDir", config.working_dir);
  if (config.labels.has_value() && !config.labels->empty()) {
    JsonObject labels;
    for (const auto& [key, text] : *config.labels) {
      labels.push_back({key, JsonValue(text)});
    }
    writer.Always("Labels", JsonValue(std::move(labels)));
  }
  return writer.Add("StopSignal", config.stop_signal)
      .Add("ArgsEscaped", config.args_escaped)
      .Take();
}

JsonValue HistoryToJson(const std::vector<ImageConfig::HistoryEntry>& history) {
  JsonArray array;
  for (const ImageConfig::HistoryEntry& entry : history) {
    array.push_back(ObjectWriter()
                        .Add("created", entry.created)
                        .Add("created_by", entry.created_by)
                        .Add("author", entry.author)
                        .Add("comment", entry.comment)
                        .Add("empty_layer", entry.empty_layer)
                        .Take());
  }
  return JsonValue(std::move(array));
}

}  // namespace

absl::StatusOr<ImageConfig> ImageConfig::Parse(absl::string_view text) {
  if (text.size() > static_cast<size_t>(kMaxConfigBytes)) {
    return MakeError(
        absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
        absl::StrCat("parse configuration: ", text.size(), " bytes, more than ", kMaxConfigBytes));
  }
  absl::StatusOr<JsonValue> root = ParseStrictJson(text);
  absl::StatusOr<ImageConfig> image =
      root.ok() ? ParseImage(*root) : absl::StatusOr<ImageConfig>(root.status());
  if (image.status().code() == absl::StatusCode::kInvalidArgument) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "INVALID_MANIFEST",
                     absl::StrCat("parse configuration: ", image.status().message()));
  }
  RETURN_IF_ERROR(WithContext(image.status(), "parse configuration"));
  return image;
}

std::string ImageConfig::ToOciJson() const {
  ObjectWriter writer;
  writer.Add("created", created)
      .Add("author", author)
      .Always("architecture", JsonValue(architecture))
      .Add("variant", variant)
      .Always("os", JsonValue(os))
      .Add("os.version", os_version)
      .Add("os.features", os_features)
      .Always("config", ExecutionToJson(config));
  ObjectWriter rootfs;
  rootfs.Always("type", JsonValue(rootfs_type))
      .Always("diff_ids", diff_ids.has_value() ? ObjectWriter::ToJson(*diff_ids) : JsonValue());
  writer.Always("rootfs", rootfs.Take());
  if (!history.empty()) {
    writer.Always("history", HistoryToJson(history));
  }
  return writer.Take().Write();
}

}  // namespace holkas
