#include "worker/image/rewrite_manifest.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/image/chunked_annotations.h"
#include "worker/image/json_fields.h"
#include "worker/image/json_value.h"
#include "worker/image/layer_types.h"
#include "worker/image/media_types.h"
#include "worker/image/strict_json.h"

namespace holkas {
namespace {

// In the order of Go's image-spec and of Docker's own types.
constexpr absl::string_view kOciKeys[] = {"schemaVersion", "mediaType", "artifactType", "config",
                                          "layers",        "subject",   "annotations"};
constexpr absl::string_view kOciIndexKeys[] = {"schemaVersion", "mediaType", "artifactType",
                                               "manifests",     "subject",   "annotations"};
constexpr absl::string_view kDockerKeys[] = {"schemaVersion", "mediaType", "config", "layers"};
constexpr absl::string_view kOciDescriptorKeys[] = {
    "mediaType", "digest", "size", "urls", "annotations", "data", "platform", "artifactType"};
constexpr absl::string_view kDockerDescriptorKeys[] = {"mediaType", "size", "digest", "urls"};

// Annotations that describe the bytes of a layer, and not what is in it.
bool IsAboutBytes(absl::string_view annotation) {
  return IsChunkedAnnotation(annotation) ||
         absl::StartsWith(annotation, "org.opencontainers.image.enc.") ||
         annotation == "containerd.io/snapshot/stargz/toc.digest" ||
         annotation == "io.containers.estargz.uncompressed-size";
}

// The members of `object` that `keys` name, in their order, as a Go program that knows these keys
// writes what it read.
JsonObject Ordered(const JsonValue& object, absl::Span<const absl::string_view> keys) {
  JsonObject ordered;
  for (const absl::string_view key : keys) {
    if (const JsonValue* value = FindField(object, key)) {
      ordered.push_back({std::string(key), *value});
    }
  }
  return ordered;
}

void Set(JsonObject& object, absl::string_view key, JsonValue value) {
  for (JsonMember& member : object) {
    if (member.key == key) {
      member.value = std::move(value);
      return;
    }
  }
  object.push_back({std::string(key), std::move(value)});
}

JsonValue AnnotationsToJson(const std::map<std::string, std::string>& annotations) {
  JsonObject object;
  for (const auto& [key, text] : annotations) {
    object.push_back({key, JsonValue(text)});
  }
  return object.empty() ? JsonValue() : JsonValue(std::move(object));
}

JsonValue AnnotationsOf(const Descriptor& layer, const MadeLayer& made) {
  std::map<std::string, std::string> annotations = made.annotations;
  for (const auto& [key, text] : layer.annotations) {
    if (!IsAboutBytes(key)) {
      annotations.emplace(key, text);
    }
  }
  return AnnotationsToJson(annotations);
}

absl::StatusOr<JsonValue> MakeLayer(const JsonValue& old, const Descriptor& layer,
                                    const MadeLayer& made,
                                    absl::Span<const absl::string_view> keys) {
  const absl::string_view type =
      made.media_type.empty() ? LayerTypeWith(layer.media_type, made.compression) : made.media_type;
  if (type.empty()) {
    return MakeError(absl::StatusCode::kUnimplemented, "MEDIA_TYPE_UNSUPPORTED",
                     absl::StrCat("layer ", layer.digest.ToString(), " of type ", layer.media_type,
                                  " cannot be compressed by ", CompressionName(made.compression)));
  }
  JsonObject changed = *old.object();
  Set(changed, "mediaType", JsonValue(type));
  Set(changed, "digest", JsonValue(made.digest.ToString()));
  Set(changed, "size", JsonValue(made.size_bytes));
  Set(changed, "annotations", AnnotationsOf(layer, made));
  Set(changed, "data", JsonValue());
  return JsonValue(Ordered(JsonValue(std::move(changed)), keys));
}

absl::StatusOr<Manifest> ParseWritten(JsonObject root, const std::string& media_type) {
  std::string bytes = JsonValue(std::move(root)).Write();
  Digest digest = Digest::Sha256Of(bytes);
  return Manifest::Parse({std::move(bytes), std::move(digest), media_type});
}

}  // namespace

absl::StatusOr<Manifest> ReplaceLayers(const Manifest& image,
                                       const std::map<Digest, MadeLayer>& made) {
  const bool is_docker = image.media_type() == kDockerManifestType;
  const auto keys = is_docker ? absl::MakeConstSpan(kDockerKeys) : absl::MakeConstSpan(kOciKeys);
  const auto descriptor_keys = is_docker ? absl::MakeConstSpan(kDockerDescriptorKeys)
                                         : absl::MakeConstSpan(kOciDescriptorKeys);
  // It was parsed before.
  ASSIGN_OR_RETURN(const JsonValue root, ParseStrictJson(image.bytes()));
  ASSIGN_OR_RETURN(const JsonArray* old_layers, FindArray(root, "layers"));
  JsonArray layers;
  for (size_t i = 0; i < image.image().layers.size(); ++i) {
    const Descriptor& layer = image.image().layers[i];
    const auto found = made.find(layer.digest);
    if (found == made.end()) {
      layers.emplace_back(Ordered((*old_layers)[i], descriptor_keys));
      continue;
    }
    ASSIGN_OR_RETURN(JsonValue new_layer,
                     MakeLayer((*old_layers)[i], layer, found->second, descriptor_keys));
    layers.push_back(std::move(new_layer));
  }
  JsonObject manifest = Ordered(root, keys);
  Set(manifest, "config", JsonValue(Ordered(*FindField(root, "config"), descriptor_keys)));
  Set(manifest, "layers", JsonValue(std::move(layers)));
  return ParseWritten(std::move(manifest), image.media_type());
}

absl::StatusOr<Manifest> ReplaceImages(const Manifest& index,
                                       const std::map<Digest, Descriptor>& made) {
  // It was parsed before.
  ASSIGN_OR_RETURN(const JsonValue root, ParseStrictJson(index.bytes()));
  ASSIGN_OR_RETURN(const JsonArray* old_entries, FindArray(root, "manifests"));
  JsonArray entries;
  for (size_t i = 0; i < index.index().manifests.size(); ++i) {
    const Descriptor& old = index.index().manifests[i].descriptor;
    JsonObject entry = *(*old_entries)[i].object();
    if (const auto found = made.find(old.digest); found != made.end()) {
      std::map<std::string, std::string> annotations = found->second.annotations;
      annotations.insert(old.annotations.begin(), old.annotations.end());
      Set(entry, "mediaType", JsonValue(found->second.media_type));
      Set(entry, "digest", JsonValue(found->second.digest.ToString()));
      Set(entry, "size", JsonValue(found->second.size_bytes));
      Set(entry, "annotations", AnnotationsToJson(annotations));
      Set(entry, "data", JsonValue());
    }
    entries.emplace_back(Ordered(JsonValue(std::move(entry)), kOciDescriptorKeys));
  }
  JsonObject manifest = Ordered(root, kOciIndexKeys);
  Set(manifest, "manifests", JsonValue(std::move(entries)));
  return ParseWritten(std::move(manifest), index.media_type());
}

}  // namespace holkas
