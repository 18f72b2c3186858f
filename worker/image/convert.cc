#include "worker/image/convert.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/image/descriptor_json.h"
#include "worker/image/image_config.h"
#include "worker/image/json_fields.h"
#include "worker/image/json_value.h"
#include "worker/image/media_types.h"
#include "worker/image/strict_json.h"

namespace holkas {
namespace {

constexpr size_t kMaxShownBytes = 128;

struct LayerTypes {
  absl::string_view docker;
  absl::string_view oci;
};

constexpr LayerTypes kLayerTypes[] = {
    {kDockerLayerType, kOciLayerType},
    {kDockerLayerGzipType, kOciLayerGzipType},
    {kDockerForeignLayerType, kOciNondistributableLayerType},
    {kDockerForeignLayerGzipType, kOciNondistributableLayerGzipType},
};

// In the order of Go's image-spec and of Docker's own types.
constexpr absl::string_view kPlatformKeys[] = {"architecture", "os", "os.version", "os.features",
                                               "variant"};

absl::Status Unsupported(absl::string_view what, absl::string_view type) {
  return MakeError(absl::StatusCode::kUnimplemented, "MEDIA_TYPE_UNSUPPORTED",
                   absl::StrCat("convert manifest: ", what, " of type \"",
                                absl::CHexEscape(type.substr(0, kMaxShownBytes)), "\""));
}

// Docker's descriptors have another order of fields, and no annotations.
JsonObject DockerDescriptor(const Descriptor& descriptor) {
  JsonObject object{{"mediaType", JsonValue(descriptor.media_type)},
                    {"size", JsonValue(descriptor.size_bytes)},
                    {"digest", JsonValue(descriptor.digest.ToString())}};
  if (!descriptor.urls.empty()) {
    JsonArray urls;
    for (const std::string& url : descriptor.urls) {
      urls.emplace_back(url);
    }
    object.push_back({"urls", JsonValue(std::move(urls))});
  }
  return object;
}

Descriptor ConfigDescriptor(absl::string_view media_type, absl::string_view config) {
  return {std::string(media_type),
          Digest::Sha256Of(config),
          static_cast<int64_t>(config.size()),
          {},
          {}};
}

absl::StatusOr<Manifest> ParseWritten(const JsonValue& root, absl::string_view media_type) {
  std::string bytes = root.Write();
  Digest digest = Digest::Sha256Of(bytes);
  return Manifest::Parse({std::move(bytes), std::move(digest), std::string(media_type)});
}

absl::StatusOr<Manifest> WriteImage(absl::string_view media_type, JsonValue config,
                                    JsonArray layers) {
  return ParseWritten(JsonValue(JsonObject{{"schemaVersion", JsonValue(int64_t{2})},
                                           {"mediaType", JsonValue(media_type)},
                                           {"config", std::move(config)},
                                           {"layers", JsonValue(std::move(layers))}}),
                      media_type);
}

// The platform with the fields that both kinds of index have, in their order.
JsonValue ConvertPlatform(const JsonValue& platform) {
  JsonObject object;
  for (absl::string_view key : kPlatformKeys) {
    const JsonValue* value = FindField(platform, key);
    bool required = key == "architecture" || key == "os";
    if (value != nullptr) {
      object.push_back({std::string(key), *value});
    } else if (required) {
      object.push_back({std::string(key), JsonValue("")});
    }
  }
  return JsonValue(std::move(object));
}

absl::StatusOr<Manifest> WriteIndex(absl::string_view media_type, JsonArray manifests) {
  return ParseWritten(JsonValue(JsonObject{{"schemaVersion", JsonValue(int64_t{2})},
                                           {"mediaType", JsonValue(media_type)},
                                           {"manifests", JsonValue(std::move(manifests))}}),
                      media_type);
}

// The descriptor of what an entry became.
Descriptor NewDescriptor(const Descriptor& old, const std::map<Digest, Descriptor>& converted) {
  auto found = converted.find(old.digest);
  if (found == converted.end()) {
    return old;
  }
  Descriptor descriptor = old;
  descriptor.media_type = found->second.media_type;
  descriptor.digest = found->second.digest;
  descriptor.size_bytes = found->second.size_bytes;
  for (const auto& [key, text] : found->second.annotations) {
    descriptor.annotations.insert_or_assign(key, text);
  }
  return descriptor;
}

// The entries of an index as JSON, for the parts that ImageIndex does not keep. The bytes parsed
// before.
absl::StatusOr<JsonArray> EntriesOf(const Manifest& index) {
  ASSIGN_OR_RETURN(JsonValue root, ParseStrictJson(index.bytes()));
  ASSIGN_OR_RETURN(const JsonArray* entries, FindArray(root, "manifests"));
  return entries == nullptr ? JsonArray() : *entries;
}

}  // namespace

absl::StatusOr<ConvertedImage> ConvertToOci(const Manifest& image, absl::string_view config) {
  if (image.media_type() == kOciManifestType) {
    return ConvertedImage{image, std::string(config)};
  }
  ASSIGN_OR_RETURN(ImageConfig parsed, ImageConfig::Parse(config));
  std::string oci_config = parsed.ToOciJson();
  const Descriptor config_descriptor = ConfigDescriptor(kOciConfigType, oci_config);
  JsonArray layers;
  for (Descriptor layer : image.image().layers) {
    absl::string_view type;
    for (const LayerTypes& types : kLayerTypes) {
      type = types.docker == layer.media_type ? types.oci : type;
    }
    if (type.empty()) {
      return Unsupported("layer", layer.media_type);
    }
    layer.media_type = std::string(type);
    layer.annotations.clear();
    layers.push_back(DescriptorToJson(layer));
  }
  ASSIGN_OR_RETURN(
      Manifest manifest,
      WriteImage(kOciManifestType, DescriptorToJson(config_descriptor), std::move(layers)));
  return ConvertedImage{std::move(manifest), std::move(oci_config)};
}

absl::StatusOr<ConvertedImage> ConvertToDocker(const Manifest& image, absl::string_view config) {
  if (image.media_type() == kDockerManifestType) {
    return ConvertedImage{image, std::string(config)};
  }
  Descriptor config_descriptor = image.image().config;
  if (config_descriptor.media_type != kOciConfigType) {
    return Unsupported("configuration", config_descriptor.media_type);
  }
  config_descriptor.media_type = std::string(kDockerConfigType);
  JsonArray layers;
  for (Descriptor layer : image.image().layers) {
    absl::string_view type;
    for (const LayerTypes& types : kLayerTypes) {
      type = types.oci == layer.media_type ? types.docker : type;
    }
    if (type.empty()) {
      return Unsupported("layer", layer.media_type);
    }
    layer.media_type = std::string(type);
    layers.emplace_back(DockerDescriptor(layer));
  }
  ASSIGN_OR_RETURN(Manifest manifest,
                   WriteImage(kDockerManifestType, JsonValue(DockerDescriptor(config_descriptor)),
                              std::move(layers)));
  return ConvertedImage{std::move(manifest), std::string(config)};
}

absl::StatusOr<Manifest> WriteDockerManifest(absl::string_view config,
                                             const std::vector<Descriptor>& layers) {
  JsonArray layers_json;
  for (const Descriptor& layer : layers) {
    layers_json.emplace_back(DockerDescriptor(layer));
  }
  return WriteImage(kDockerManifestType,
                    JsonValue(DockerDescriptor(ConfigDescriptor(kDockerConfigType, config))),
                    std::move(layers_json));
}

absl::StatusOr<Manifest> ConvertIndexToOci(const Manifest& index,
                                           const std::map<Digest, Descriptor>& converted) {
  ASSIGN_OR_RETURN(JsonArray entries, EntriesOf(index));
  JsonArray manifests;
  for (size_t i = 0; i < entries.size(); ++i) {
    JsonValue entry =
        DescriptorToJson(NewDescriptor(index.index().manifests[i].descriptor, converted));
    if (const JsonValue* platform = FindField(entries[i], "platform")) {
      entry.object()->push_back({"platform", ConvertPlatform(*platform)});
    }
    manifests.push_back(std::move(entry));
  }
  return WriteIndex(kOciIndexType, std::move(manifests));
}

absl::StatusOr<Manifest> ConvertIndexToDocker(const Manifest& index,
                                              const std::map<Digest, Descriptor>& converted) {
  ASSIGN_OR_RETURN(JsonArray entries, EntriesOf(index));
  JsonArray manifests;
  for (size_t i = 0; i < entries.size(); ++i) {
    JsonObject entry =
        DockerDescriptor(NewDescriptor(index.index().manifests[i].descriptor, converted));
    const JsonValue* platform = FindField(entries[i], "platform");
    if (platform == nullptr) {
      return Unsupported("an entry without platform in an index", index.media_type());
    }
    entry.push_back({"platform", ConvertPlatform(*platform)});
    manifests.emplace_back(std::move(entry));
  }
  return WriteIndex(kDockerListType, std::move(manifests));
}

}  // namespace holkas
