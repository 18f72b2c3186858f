#include "worker/image/schema1_manifest.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/image/json_fields.h"
#include "worker/image/manifest_limits.h"
#include "worker/image/strict_json.h"

namespace holkas {
namespace {

using Layer = Schema1Manifest::Layer;

constexpr size_t kIdDigits = 64;

constexpr absl::string_view kLayerKeys[] = {"blobSum"};
constexpr absl::string_view kHistoryKeys[] = {"v1Compatibility"};
constexpr absl::string_view kCompatibilityKeys[] = {
    "id", "parent", "comment", "created", "container_config", "author", "throwaway",
};
constexpr absl::string_view kContainerKeys[] = {"Cmd"};

absl::Status Invalid(absl::string_view why) { return absl::InvalidArgumentError(why); }

absl::Status CheckId(absl::string_view id) {
  const bool is_hex = std::all_of(id.begin(), id.end(), [](char c) {
    return absl::ascii_isdigit(c) || (c >= 'a' && c <= 'f');
  });
  return id.size() == kIdDigits && is_hex
             ? absl::OkStatus()
             : Invalid(absl::StrCat("image ID \"", absl::CHexEscape(id.substr(0, 2 * kIdDigits)),
                                    "\" is invalid"));
}

absl::Status ParseCompatibility(Layer& layer) {
  ASSIGN_OR_RETURN(const JsonValue root, ParseStrictJson(layer.v1_compatibility));
  RETURN_IF_ERROR(CheckKeyCase(root, kCompatibilityKeys));
  ASSIGN_OR_RETURN(layer.id, GetString(root, "id"));
  ASSIGN_OR_RETURN(layer.parent, GetString(root, "parent"));
  ASSIGN_OR_RETURN(layer.comment, GetString(root, "comment"));
  ASSIGN_OR_RETURN(layer.author, GetString(root, "author"));
  ASSIGN_OR_RETURN(layer.is_empty, GetBool(root, "throwaway"));
  ASSIGN_OR_RETURN(const std::optional<std::string> created, FindString(root, "created"));
  if (created.has_value()) {
    ASSIGN_OR_RETURN(layer.created, ParseRfc3339(*created));
  }
  if (const JsonValue* container = FindField(root, "container_config")) {
    RETURN_IF_ERROR(CheckKeyCase(*container, kContainerKeys));
    ASSIGN_OR_RETURN(auto command, FindStrings(*container, "Cmd"));
    layer.command = std::move(command).value_or(std::vector<std::string>());
  }
  return absl::OkStatus();
}

absl::StatusOr<Layer> ParseLayer(const JsonValue& fs_layer, const JsonValue& history) {
  RETURN_IF_ERROR(CheckKeyCase(fs_layer, kLayerKeys));
  RETURN_IF_ERROR(CheckKeyCase(history, kHistoryKeys));
  ASSIGN_OR_RETURN(const std::string blob_sum, GetString(fs_layer, "blobSum"));
  ASSIGN_OR_RETURN(Digest digest, Digest::Parse(blob_sum));
  Layer layer(std::move(digest));
  ASSIGN_OR_RETURN(layer.v1_compatibility, GetString(history, "v1Compatibility"));
  RETURN_IF_ERROR(ParseCompatibility(layer));
  return layer;
}

// The chain without repetitions; `layers` are from the base up.
absl::StatusOr<std::vector<Layer>> CheckChain(std::vector<Layer> layers) {
  std::vector<Layer> chain;
  std::set<std::string> ids;
  for (Layer& layer : layers) {
    RETURN_IF_ERROR(CheckId(layer.id));
    if (chain.empty()) {
      if (!layer.parent.empty()) {
        return Invalid("Invalid parent ID in the base layer of the image");
      }
    } else if (layer.id == chain.back().id) {
      continue;
    }
    if (!ids.insert(layer.id).second) {
      return Invalid(absl::StrCat("ID ", layer.id, " appears multiple times in manifest"));
    }
    if (!chain.empty() && layer.parent != chain.back().id) {
      return Invalid(absl::StrCat("Invalid parent ID. Expected ", chain.back().id, ", got ",
                                  absl::CHexEscape(layer.parent.substr(0, 2 * kIdDigits))));
    }
    chain.push_back(std::move(layer));
  }
  return chain;
}

absl::StatusOr<std::vector<Layer>> ParseLayers(const JsonArray& fs_layers,
                                               const JsonArray& history) {
  if (fs_layers.size() != history.size()) {
    return Invalid("length of history not equal to number of layers");
  }
  if (fs_layers.empty()) {
    return Invalid("no FSLayers in manifest");
  }
  if (fs_layers.size() > kMaxLayers) {
    return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                     absl::StrCat(fs_layers.size(), " layers, more than ", kMaxLayers));
  }
  std::vector<Layer> layers;
  for (size_t i = fs_layers.size(); i-- > 0;) {
    absl::StatusOr<Layer> layer = ParseLayer(fs_layers[i], history[i]);
    RETURN_IF_ERROR(WithContext(layer.status(), absl::StrCat("parsing v2s1 history entry ", i)));
    layers.push_back(*std::move(layer));
  }
  return CheckChain(std::move(layers));
}

}  // namespace

absl::StatusOr<Schema1Manifest> ParseSchema1(const JsonValue& root) {
  Schema1Manifest manifest;
  ASSIGN_OR_RETURN(manifest.name, GetString(root, "name"));
  ASSIGN_OR_RETURN(manifest.tag, GetString(root, "tag"));
  ASSIGN_OR_RETURN(manifest.architecture, GetString(root, "architecture"));
  ASSIGN_OR_RETURN(const JsonArray* fs_layers, FindArray(root, "fsLayers"));
  ASSIGN_OR_RETURN(const JsonArray* history, FindArray(root, "history"));
  const JsonArray none;
  ASSIGN_OR_RETURN(manifest.layers, ParseLayers(fs_layers == nullptr ? none : *fs_layers,
                                                history == nullptr ? none : *history));
  return manifest;
}

std::string Schema1Manifest::ToJson() const {
  JsonArray fs_layers;
  JsonArray history;
  for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) {
    fs_layers.emplace_back(JsonObject{{"blobSum", JsonValue(layer->digest.ToString())}});
    history.emplace_back(JsonObject{{"v1Compatibility", JsonValue(layer->v1_compatibility)}});
  }
  return JsonValue(JsonObject{{"name", JsonValue(name)},
                              {"tag", JsonValue(tag)},
                              {"architecture", JsonValue(architecture)},
                              {"fsLayers", JsonValue(std::move(fs_layers))},
                              {"history", JsonValue(std::move(history))},
                              {"schemaVersion", JsonValue(int64_t{1})}})
      .Write();
}

}  // namespace holkas
