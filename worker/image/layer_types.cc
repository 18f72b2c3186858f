#include "worker/image/layer_types.h"

#include "worker/image/media_types.h"

namespace holkas {
namespace {

// One kind of layer in each compression that it can have.
struct LayerKind {
  absl::string_view plain;
  absl::string_view gzip;
  absl::string_view zstd;
};

constexpr LayerKind kKinds[] = {
    {kOciLayerType, kOciLayerGzipType, kOciLayerZstdType},
    {kOciNondistributableLayerType, kOciNondistributableLayerGzipType,
     kOciNondistributableLayerZstdType},
    {kDockerLayerType, kDockerLayerGzipType, ""},
    {kDockerForeignLayerType, kDockerForeignLayerGzipType, ""},
};

const LayerKind* KindOf(absl::string_view media_type) {
  for (const LayerKind& kind : kKinds) {
    if (!media_type.empty() &&
        (media_type == kind.plain || media_type == kind.gzip || media_type == kind.zstd)) {
      return &kind;
    }
  }
  return nullptr;
}

}  // namespace

std::optional<Compression> CompressionOfLayerType(absl::string_view media_type) {
  const LayerKind* kind = KindOf(media_type);
  if (kind == nullptr) {
    return std::nullopt;
  }
  return media_type == kind->gzip   ? Compression::kGzip
         : media_type == kind->zstd ? Compression::kZstd
                                    : Compression::kNone;
}

absl::string_view LayerTypeWith(absl::string_view media_type, Compression compression) {
  const LayerKind* kind = KindOf(media_type);
  if (kind == nullptr) {
    return "";
  }
  switch (compression) {
    case Compression::kNone:
      return kind->plain;
    case Compression::kGzip:
      return kind->gzip;
    case Compression::kZstd:
      return kind->zstd;
    default:
      return "";
  }
}

bool HasFileSystemLayers(const ImageManifest& image) {
  return image.config.media_type == kOciConfigType || image.config.media_type == kDockerConfigType;
}

}  // namespace holkas
