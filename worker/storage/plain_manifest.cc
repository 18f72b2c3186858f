#include "worker/storage/plain_manifest.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/image/chunked_annotations.h"
#include "worker/image/json_value.h"
#include "worker/image/media_types.h"
#include "worker/image/strict_json.h"
#include "worker/storage/json_member.h"

namespace holkas {
namespace {

absl::Status InvalidManifest(const Manifest& manifest, absl::string_view why) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "INVALID_MANIFEST",
                   absl::StrCat("manifest ", manifest.digest().ToString(), ": ", why));
}

void DropCompressedAnnotations(JsonValue& layer) {
  JsonValue* annotations = layer.Find("annotations");
  if (annotations == nullptr || annotations->object() == nullptr) {
    return;
  }
  std::erase_if(*annotations->object(),
                [](const JsonMember& annotation) { return IsChunkedAnnotation(annotation.key); });
}

}  // namespace

absl::StatusOr<std::string> WithPlainLayers(const Manifest& manifest,
                                            const std::vector<LayerRecord>& layers) {
  if (manifest.image().layers.size() != layers.size()) {
    return InvalidManifest(manifest, absl::StrCat("it has ", manifest.image().layers.size(),
                                                  " layers, in the store are ", layers.size()));
  }
  ASSIGN_OR_RETURN(JsonValue json, ParseStrictJson(manifest.bytes()));
  JsonValue* list = json.Find("layers");
  const bool is_oci = manifest.media_type() == kOciManifestType;
  bool changed = false;
  for (size_t i = 0; i < layers.size(); ++i) {
    const LayerRecord& stored = layers[i];
    if (!stored.diff_digest.has_value()) {
      return InvalidManifest(manifest, absl::StrCat("layer ", stored.id, " has no digest"));
    }
    if (manifest.image().layers[i].digest == *stored.diff_digest) {
      continue;
    }
    changed = true;
    JsonValue& layer = (*list->array())[i];
    SetMember(layer, "mediaType", JsonValue(is_oci ? kOciLayerType : kDockerLayerType));
    SetMember(layer, "digest", JsonValue(stored.diff_digest->ToString()));
    SetMember(layer, "size", JsonValue(stored.diff_size_bytes));
    DropCompressedAnnotations(layer);
  }
  return changed ? json.Write() : manifest.bytes();
}

}  // namespace holkas
