#include "worker/jobs/image_form.h"

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/wire/digest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/blob/read_all.h"
#include "worker/image/convert.h"
#include "worker/image/convert_schema1.h"
#include "worker/image/empty_layer.h"
#include "worker/image/media_types.h"
#include "worker/image/schema1_manifest.h"
#include "worker/image/schema1_signature.h"
#include "worker/jobs/read_schema1_layers.h"

namespace holkas {
namespace {

absl::StatusOr<std::string> ReadConfig(ImageSource& from, const Descriptor& config) {
  ASSIGN_OR_RETURN(std::unique_ptr<ByteSource> bytes, from.OpenBlob(config));
  return ReadAll(std::move(bytes), config.digest, config.size_bytes, kMaxConfigBytes);
}

std::vector<Descriptor> LayersOf(const Schema1Manifest& image,
                                 const std::vector<ReadLayer>& layers) {
  std::vector<Descriptor> descriptors;
  for (size_t i = 0; i < layers.size(); ++i) {
    descriptors.push_back(
        {std::string(kDockerLayerGzipType), image.layers[i].digest, layers[i].size_bytes, {}, {}});
  }
  return descriptors;
}

absl::StatusOr<Manifest> Sign(Schema1Manifest image, const ImageDestination& to) {
  if (const auto name = to.embedded_name(); name.has_value()) {
    image.name = name->repository;
    image.tag = name->tag;
  }
  return SignSchema1(image.ToJson(), absl::Now());
}

ImageForm WithConfig(ConvertedImage converted, std::vector<Descriptor> layers) {
  const Descriptor config = converted.manifest.image().config;
  ImageForm form{std::move(converted.manifest), std::move(layers), {}};
  form.made.push_back({config, v1::BLOB_KIND_CONFIG, std::move(converted.config)});
  return form;
}

absl::StatusOr<ImageForm> FromSchema1(ImageSource& from, const Schema1Manifest& image,
                                      absl::string_view type) {
  ASSIGN_OR_RETURN(const std::vector<ReadLayer> layers,
                   ReadSchema1Layers(from, image, DiffIds::kComputed));
  ASSIGN_OR_RETURN(ConvertedImage converted, type == kOciManifestType
                                                 ? ConvertSchema1ToOci(image, layers)
                                                 : ConvertSchema1ToDocker(image, layers));
  std::vector<Descriptor> kept = converted.manifest.image().layers;
  return WithConfig(std::move(converted), std::move(kept));
}

absl::StatusOr<ImageForm> ToSchema1(const Manifest& image, absl::string_view config,
                                    const ImageDestination& to) {
  for (const Descriptor& layer : image.image().layers) {
    if (!layer.urls.empty()) {
      return MakeError(absl::StatusCode::kUnimplemented, "MEDIA_TYPE_UNSUPPORTED",
                       absl::StrCat("convert manifest: schema 1 cannot say that layer ",
                                    layer.digest.ToString(), " is to be got elsewhere"));
    }
  }
  ASSIGN_OR_RETURN(Schema1Manifest converted, ConvertToSchema1(image, config));
  const bool has_empty =
      std::any_of(converted.layers.begin(), converted.layers.end(),
                  [](const Schema1Manifest::Layer& layer) { return layer.is_empty; });
  ASSIGN_OR_RETURN(Manifest manifest, Sign(std::move(converted), to));
  ImageForm form{std::move(manifest), image.image().layers, {}};
  if (has_empty) {
    ASSIGN_OR_RETURN(Digest digest, Digest::Parse(kEmptyLayerDigest));
    form.made.push_back({{std::string(kDockerLayerGzipType),
                          std::move(digest),
                          static_cast<int64_t>(kEmptyLayer.size()),
                          {},
                          {}},
                         v1::BLOB_KIND_LAYER,
                         std::string(kEmptyLayer)});
  }
  return form;
}

}  // namespace

absl::StatusOr<ImageForm> ConvertImage(ImageSource& from, const Manifest& image,
                                       const std::optional<std::string>& config,
                                       absl::string_view type, const ImageDestination& to) {
  const bool to_schema1 = type == kDockerSchema1SignedType || type == kDockerSchema1Type;
  if (image.is_schema1()) {
    if (!to_schema1) {
      return FromSchema1(from, image.schema1(), type);
    }
    ASSIGN_OR_RETURN(ImageForm form, MeasureSchema1(from, image));
    ASSIGN_OR_RETURN(form.manifest, Sign(image.schema1(), to));
    return form;
  }
  absl::StatusOr<std::string> config_json = config.has_value()
                                                ? absl::StatusOr<std::string>(*config)
                                                : ReadConfig(from, image.image().config);
  RETURN_IF_ERROR(config_json.status());
  if (to_schema1) {
    return ToSchema1(image, *config_json, to);
  }
  ASSIGN_OR_RETURN(ConvertedImage converted, type == kOciManifestType
                                                 ? ConvertToOci(image, *config_json)
                                                 : ConvertToDocker(image, *config_json));
  // The conversion keeps the layers and renames their types.
  std::vector<Descriptor> layers = converted.manifest.image().layers;
  return WithConfig(std::move(converted), std::move(layers));
}

absl::StatusOr<ImageForm> MeasureSchema1(ImageSource& from, const Manifest& image) {
  ASSIGN_OR_RETURN(const std::vector<ReadLayer> layers,
                   ReadSchema1Layers(from, image.schema1(), DiffIds::kUnknown));
  return ImageForm{image, LayersOf(image.schema1(), layers), {}};
}

bool HasOtherName(const Schema1Manifest& image, const ImageDestination& to) {
  const auto name = to.embedded_name();
  return name.has_value() && (image.name != name->repository || image.tag != name->tag);
}

}  // namespace holkas
