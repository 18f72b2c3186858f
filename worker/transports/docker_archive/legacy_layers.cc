#include "worker/transports/docker_archive/legacy_layers.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/image/raw_json.h"

namespace holkas {
namespace {

// What the top layer has of the image's configuration.
constexpr absl::string_view kFromConfig[] = {
    "architecture", "config", "container", "container_config", "created", "docker_version", "os",
};

std::string Quoted(absl::string_view text) { return absl::StrCat("\"", text, "\""); }

}  // namespace

absl::StatusOr<std::vector<LegacyLayer>> MakeLegacyLayers(const std::vector<Digest>& diff_ids,
                                                          absl::string_view config) {
  absl::StatusOr<RawJsonObject> config_members = ParseRawJsonObject(config);
  if (absl::IsInvalidArgument(config_members.status())) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "INVALID_MANIFEST",
                     absl::StrCat("parse configuration: ", config_members.status().message()));
  }
  RETURN_IF_ERROR(WithContext(config_members.status(), "parse configuration"));
  std::vector<LegacyLayer> layers;
  // Of the layer and all below it, as Docker has it.
  std::string chain_id;
  for (size_t i = 0; i < diff_ids.size(); ++i) {
    RawJsonObject members;
    if (!layers.empty()) {
      members["parent"] = Quoted(layers.back().id);
    }
    if (i + 1 == diff_ids.size()) {
      for (const absl::string_view key : kFromConfig) {
        const auto found = config_members->find(std::string(key));
        members[std::string(key)] = found == config_members->end() ? "null" : found->second;
      }
    }
    const std::string diff_id = diff_ids[i].ToString();
    chain_id = i == 0 ? diff_id : Digest::Sha256Of(absl::StrCat(chain_id, " ", diff_id)).ToString();
    // The ID is a digest of all that the layer is, and not yet of itself.
    members["layer_id"] = Quoted(chain_id);
    LegacyLayer layer;
    layer.id = std::string(Digest::Sha256Of(WriteRawJsonObject(members)).hex());
    members.erase("layer_id");
    members["id"] = Quoted(layer.id);
    layer.json = WriteRawJsonObject(members);
    layers.push_back(std::move(layer));
  }
  return layers;
}

}  // namespace holkas
