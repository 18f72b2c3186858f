#include "worker/image/convert_schema1.h"

#include <cstddef>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/image/docker_v1_image.h"
#include "worker/image/empty_layer.h"
#include "worker/image/image_config.h"
#include "worker/image/json_value.h"
#include "worker/image/media_types.h"
#include "worker/image/raw_json.h"

namespace holkas {
namespace {

using Layer = Schema1Manifest::Layer;

// Go's zero time, where a time is always written.
constexpr absl::string_view kGoZeroTime = "0001-01-01T00:00:00Z";

// What belongs to the layer in schema 1, and to nothing in a configuration.
constexpr absl::string_view kLayerFields[] = {"id",       "parent",    "parent_id",
                                              "layer_id", "throwaway", "Size"};

absl::Status Invalid(absl::string_view why) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "INVALID_MANIFEST",
                   absl::StrCat("convert manifest: ", why));
}

// An error of a parser that knows no reasons.
absl::Status WithReason(const absl::Status& status) {
  return status.code() == absl::StatusCode::kInvalidArgument ? Invalid(status.message()) : status;
}

std::string TimeText(const std::optional<Rfc3339Time>& time) {
  return time.has_value() ? time->text : std::string(kGoZeroTime);
}

void AddText(JsonObject& object, absl::string_view key, const std::string& text) {
  if (!text.empty()) {
    object.push_back({std::string(key), JsonValue(text)});
  }
}

JsonValue HistoryOf(const std::vector<Layer>& layers) {
  JsonArray history;
  for (const Layer& layer : layers) {
    JsonObject entry{{"created", JsonValue(TimeText(layer.created))}};
    AddText(entry, "author", layer.author);
    AddText(entry, "created_by", absl::StrJoin(layer.command, " "));
    AddText(entry, "comment", layer.comment);
    if (layer.is_empty) {
      entry.push_back({"empty_layer", JsonValue(true)});
    }
    history.emplace_back(std::move(entry));
  }
  return JsonValue(std::move(history));
}

// The configuration that Docker would have written of the image.
absl::StatusOr<std::string> DockerConfigOf(const Schema1Manifest& image, JsonArray diff_ids) {
  ASSIGN_OR_RETURN(const std::string top, CompleteDockerV1Image(image.top().v1_compatibility));
  ASSIGN_OR_RETURN(RawJsonObject config, ParseRawJsonObject(top));
  for (absl::string_view field : kLayerFields) {
    config.erase(std::string(field));
  }
  config["rootfs"] = JsonValue(JsonObject{{"type", JsonValue("layers")},
                                          {"diff_ids", JsonValue(std::move(diff_ids))}})
                         .Write();
  config["history"] = HistoryOf(image.layers).Write();
  return WriteRawJsonObject(config);
}

// Docker's name for the image that ends with a layer; anything that differs would do.
std::string LayerId(const Digest& layer, absl::string_view parent) {
  return std::string(Digest::Sha256Of(absl::StrCat(layer.hex(), " ", parent)).hex());
}

// A layer of which nothing is known but its history.
Layer LayerOf(const Digest& digest, const std::string& parent,
              const ImageConfig::HistoryEntry& history) {
  Layer layer(digest);
  layer.id = LayerId(digest, parent);
  layer.parent = parent;
  layer.created = history.created;
  layer.author = history.author;
  layer.comment = history.comment;
  layer.command = {history.created_by};
  layer.is_empty = history.empty_layer;
  JsonObject json{{"id", JsonValue(layer.id)}};
  AddText(json, "parent", layer.parent);
  AddText(json, "comment", layer.comment);
  json.push_back({"created", JsonValue(TimeText(layer.created))});
  json.push_back(
      {"container_config",
       JsonValue(JsonObject{{"Cmd", JsonValue(JsonArray{JsonValue(history.created_by)})}})});
  AddText(json, "author", layer.author);
  if (layer.is_empty) {
    json.push_back({"throwaway", JsonValue(true)});
  }
  layer.v1_compatibility = JsonValue(std::move(json)).Write();
  return layer;
}

// Makes the topmost layer that of the whole image, with the fields of its configuration.
absl::Status SetTop(Layer& top, absl::string_view config) {
  ASSIGN_OR_RETURN(RawJsonObject json, ParseRawJsonObject(config));
  top.id = LayerId(top.digest, absl::StrCat(top.parent, " ", config));
  json.erase("rootfs");
  json.erase("history");
  json["id"] = JsonValue(top.id).Write();
  if (!top.parent.empty()) {
    json["parent"] = JsonValue(top.parent).Write();
  }
  if (top.is_empty) {
    json["throwaway"] = "true";
  }
  top.v1_compatibility = WriteRawJsonObject(json);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Layer>> LayersOf(const ImageManifest& image,
                                            const std::vector<ImageConfig::HistoryEntry>& history) {
  ASSIGN_OR_RETURN(const Digest empty, Digest::Parse(kEmptyLayerDigest));
  std::vector<Layer> layers;
  std::string parent;
  size_t used = 0;
  for (const ImageConfig::HistoryEntry& entry : history) {
    if (!entry.empty_layer && used == image.layers.size()) {
      return Invalid(absl::StrCat("Invalid image configuration, needs more than the ",
                                  image.layers.size(), " distributed layers"));
    }
    const Digest& digest = entry.empty_layer ? empty : image.layers[used++].digest;
    layers.push_back(LayerOf(digest, parent, entry));
    parent = layers.back().id;
  }
  // Skopeo leaves the others out; the image would not be the same.
  if (used < image.layers.size()) {
    return Invalid(absl::StrCat("Invalid image configuration, its history has ", used, " of the ",
                                image.layers.size(), " distributed layers"));
  }
  return layers;
}

}  // namespace

absl::StatusOr<ConvertedImage> ConvertSchema1ToDocker(const Schema1Manifest& image,
                                                      absl::Span<const ReadLayer> layers) {
  if (layers.size() != image.layers.size()) {
    return absl::InternalError("convert manifest: not all of its layers were read");
  }
  JsonArray diff_ids;
  std::vector<Descriptor> descriptors;
  for (size_t i = 0; i < layers.size(); ++i) {
    if (image.layers[i].is_empty) {
      continue;
    }
    diff_ids.emplace_back(layers[i].diff_id.has_value() ? layers[i].diff_id->ToString() : "");
    descriptors.push_back(
        {std::string(kDockerLayerGzipType), image.layers[i].digest, layers[i].size_bytes, {}, {}});
  }
  absl::StatusOr<std::string> config = DockerConfigOf(image, std::move(diff_ids));
  RETURN_IF_ERROR(WithReason(config.status()));
  ASSIGN_OR_RETURN(Manifest manifest, WriteDockerManifest(*config, descriptors));
  return ConvertedImage{std::move(manifest), *std::move(config)};
}

absl::StatusOr<ConvertedImage> ConvertSchema1ToOci(const Schema1Manifest& image,
                                                   absl::Span<const ReadLayer> layers) {
  ASSIGN_OR_RETURN(const ConvertedImage docker, ConvertSchema1ToDocker(image, layers));
  return ConvertToOci(docker.manifest, docker.config);
}

absl::StatusOr<Schema1Manifest> ConvertToSchema1(const Manifest& image, absl::string_view config) {
  ASSIGN_OR_RETURN(const ConvertedImage docker, ConvertToDocker(image, config));
  ASSIGN_OR_RETURN(const ImageConfig parsed, ImageConfig::Parse(config));
  if (parsed.history.empty()) {
    return Invalid(absl::StrCat("Cannot convert an image with 0 history entries to ",
                                kDockerSchema1SignedType));
  }
  Schema1Manifest converted;
  converted.architecture = parsed.architecture;
  ASSIGN_OR_RETURN(converted.layers, LayersOf(docker.manifest.image(), parsed.history));
  RETURN_IF_ERROR(WithReason(SetTop(converted.layers.back(), config)));
  return converted;
}

}  // namespace holkas
