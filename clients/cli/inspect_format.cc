#include "clients/cli/inspect_format.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "clients/cli/align_columns.h"
#include "clients/cli/go_template.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

using holkas::v1::Descriptor;
using holkas::v1::InspectResponse;
using nlohmann::json;

constexpr absl::string_view kTablePrefix = "table ";

absl::StatusOr<std::string> Format(absl::string_view format, const GoValue& data) {
  const bool is_table = absl::StartsWith(format, kTablePrefix);
  std::string text =
      is_table ? absl::StrReplaceAll(
                     format, {{kTablePrefix, ""}, {"\\t", "\t"}, {"\\n", "\n"}, {" ", "\t"}})
               : absl::StrReplaceAll(format, {{"\\t", "\t"}, {"\\n", "\n"}});
  if (!absl::EndsWith(text, "\n")) {
    text += "\n";
  }
  absl::StatusOr<std::string> output = ExecuteGoTemplate(text, data);
  if (!output.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("template: inspect: ", output.status().message()));
  }
  return is_table ? AlignColumns(*output) : *output;
}

// Builds a struct field by field, in the order of Go's type.
class StructBuilder {
 public:
  StructBuilder& Add(std::string name, std::string json_name, GoValue value,
                     bool omit_empty = false) {
    struct_.fields.push_back({std::move(name), std::move(json_name), std::move(value), omit_empty});
    return *this;
  }
  // Named in JSON as in Go.
  StructBuilder& Add(const std::string& name, GoValue value, bool omit_empty = false) {
    return Add(name, name, std::move(value), omit_empty);
  }
  GoValue Take() { return GoValue(std::move(struct_)); }

 private:
  GoValue::Struct struct_;
};

template <typename Strings>
GoValue ListOf(const Strings& strings, bool is_there = true) {
  GoValue::List list;
  list.is_nil = !is_there;
  for (const std::string& text : strings) {
    list.items.emplace_back(text);
  }
  return GoValue(std::move(list));
}

GoValue MapOf(const google::protobuf::Map<std::string, std::string>& map, bool is_there) {
  GoValue::Map value;
  value.is_nil = !is_there;
  for (const auto& [key, text] : std::map<std::string, std::string>(map.begin(), map.end())) {
    value.entries.emplace_back(key, GoValue(text));
  }
  return GoValue(std::move(value));
}

absl::StatusOr<GoValue> TimeOf(const std::string& text) {
  if (text.empty()) {
    return GoValue();
  }
  ASSIGN_OR_RETURN(const GoTime time, GoTime::Parse(text));
  return GoValue(time);
}

GoValue LayerOf(const Descriptor& layer) {
  return StructBuilder()
      .Add("MIMEType", GoValue(layer.media_type()))
      .Add("Digest", GoValue(GoValue::Digest{layer.digest()}))
      .Add("Size", GoValue(layer.size_bytes()))
      .Add("Annotations", MapOf(layer.annotations(), !layer.annotations().empty()))
      .Take();
}

absl::StatusOr<GoValue> ValueOf(const InspectResponse& image) {
  ASSIGN_OR_RETURN(GoValue created, TimeOf(image.created()));
  std::vector<std::string> layers;
  GoValue::List layers_data;
  for (const Descriptor& layer : image.layers()) {
    layers.push_back(layer.digest());
    layers_data.items.push_back(LayerOf(layer));
  }
  return StructBuilder()
      .Add("Name", GoValue(image.name()), true)
      .Add("Tag", GoValue(image.tag()), true)
      .Add("Digest", GoValue(GoValue::Digest{image.digest()}))
      .Add("RepoTags", ListOf(image.repo_tags()))
      .Add("Created", std::move(created))
      .Add("DockerVersion", GoValue(image.docker_version()))
      .Add("Labels", MapOf(image.labels(), image.has_labels()))
      .Add("Architecture", GoValue(image.platform().architecture()))
      .Add("Os", GoValue(image.platform().os()))
      .Add("Layers", ListOf(layers))
      .Add("LayersData", GoValue(std::move(layers_data)))
      .Add("Env", ListOf(image.env(), image.has_env()))
      .Take();
}

// The members of a configuration as Go's types have them. The server wrote it by those types;
// where a member is of another one after all, it counts as missing.

const json* Find(const json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return object.is_object() && found != object.end() ? &*found : nullptr;
}

std::string Text(const json& object, const char* key) {
  const json* value = Find(object, key);
  return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
}

GoValue TextValue(const json& object, const char* key) { return GoValue(Text(object, key)); }

GoValue BoolValue(const json& object, const char* key) {
  const json* value = Find(object, key);
  return GoValue(value != nullptr && value->is_boolean() && value->get<bool>());
}

GoValue StringsValue(const json& object, const char* key) {
  const json* value = Find(object, key);
  std::vector<std::string> strings;
  const bool is_there = value != nullptr && value->is_array();
  if (is_there) {
    for (const json& item : *value) {
      strings.push_back(item.is_string() ? item.get<std::string>() : std::string());
    }
  }
  return ListOf(strings, is_there);
}

// Of a map of strings, or of a set, whose values are empty structs.
GoValue MapValue(const json& object, const char* key) {
  const json* value = Find(object, key);
  GoValue::Map map;
  map.is_nil = value == nullptr || !value->is_object();
  if (!map.is_nil) {
    for (const auto& [name, item] : value->items()) {
      map.entries.emplace_back(
          name, item.is_string() ? GoValue(item.get<std::string>()) : GoValue(GoValue::Struct()));
    }
  }
  return GoValue(std::move(map));
}

GoValue ExecutionOf(const json& config) {
  return StructBuilder()
      .Add("User", TextValue(config, "User"), true)
      .Add("ExposedPorts", MapValue(config, "ExposedPorts"), true)
      .Add("Env", StringsValue(config, "Env"), true)
      .Add("Entrypoint", StringsValue(config, "Entrypoint"), true)
      .Add("Cmd", StringsValue(config, "Cmd"), true)
      .Add("Volumes", MapValue(config, "Volumes"), true)
      .Add("WorkingDir", TextValue(config, "WorkingDir"), true)
      .Add("Labels", MapValue(config, "Labels"), true)
      .Add("StopSignal", TextValue(config, "StopSignal"), true)
      .Add("ArgsEscaped", BoolValue(config, "ArgsEscaped"), true)
      .Take();
}

absl::StatusOr<GoValue> HistoryOf(const json& image) {
  GoValue::List history;
  const json* entries = Find(image, "history");
  history.is_nil = entries == nullptr || !entries->is_array();
  if (!history.is_nil) {
    for (const json& entry : *entries) {
      ASSIGN_OR_RETURN(GoValue created, TimeOf(Text(entry, "created")));
      history.items.push_back(
          StructBuilder()
              .Add("Created", "created", std::move(created), true)
              .Add("CreatedBy", "created_by", TextValue(entry, "created_by"), true)
              .Add("Author", "author", TextValue(entry, "author"), true)
              .Add("Comment", "comment", TextValue(entry, "comment"), true)
              .Add("EmptyLayer", "empty_layer", BoolValue(entry, "empty_layer"), true)
              .Take());
    }
  }
  return GoValue(std::move(history));
}

absl::StatusOr<GoValue> ValueOf(const json& image) {
  const json nothing;
  const json* config = Find(image, "config");
  const json* rootfs = Find(image, "rootfs");
  ASSIGN_OR_RETURN(GoValue created, TimeOf(Text(image, "created")));
  ASSIGN_OR_RETURN(GoValue history, HistoryOf(image));
  return StructBuilder()
      .Add("Created", "created", std::move(created), true)
      .Add("Author", "author", TextValue(image, "author"), true)
      .Add("Architecture", "architecture", TextValue(image, "architecture"))
      .Add("Variant", "variant", TextValue(image, "variant"), true)
      .Add("OS", "os", TextValue(image, "os"))
      .Add("OSVersion", "os.version", TextValue(image, "os.version"), true)
      .Add("OSFeatures", "os.features", StringsValue(image, "os.features"), true)
      .Add("Config", "config", ExecutionOf(config == nullptr ? nothing : *config), true)
      .Add("RootFS", "rootfs",
           StructBuilder()
               .Add("Type", "type", TextValue(rootfs == nullptr ? nothing : *rootfs, "type"))
               .Add("DiffIDs", "diff_ids",
                    StringsValue(rootfs == nullptr ? nothing : *rootfs, "diff_ids"))
               .Take())
      .Add("History", "history", std::move(history), true)
      .Take();
}

}  // namespace

bool IsJsonFormat(absl::string_view format) {
  const std::string spaced = absl::StrReplaceAll(format, {{"{{", " {{ "}, {"}}", " }} "}});
  const std::vector<absl::string_view> words =
      absl::StrSplit(spaced, absl::ByAnyChar(" \t\n\v\f\r"), absl::SkipEmpty());
  const std::string joined = absl::StrJoin(words, " ");
  return joined == "json" || joined == "{{ json }}" || joined == "{{ json . }}" ||
         joined == "{{ json. }}";
}

absl::StatusOr<std::string> FormatImage(absl::string_view format, const InspectResponse& image) {
  ASSIGN_OR_RETURN(const GoValue value, ValueOf(image));
  return Format(format, value);
}

absl::StatusOr<std::string> FormatConfig(absl::string_view format, absl::string_view oci_config) {
  const json image = json::parse(oci_config.begin(), oci_config.end(), nullptr, false);
  if (!image.is_object()) {
    return absl::InternalError("the server's configuration is no JSON object");
  }
  ASSIGN_OR_RETURN(const GoValue value, ValueOf(image));
  return Format(format, value);
}

}  // namespace holkas
