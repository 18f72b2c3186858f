#include "worker/jobs/diff_digests.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/wire/status_macros.h"
#include "worker/blob/read_all.h"
#include "worker/image/image_config.h"
#include "worker/image/manifest_limits.h"

namespace holkas {
namespace {

absl::StatusOr<std::string> ConfigOf(ImageSource& from, const PlannedImage& image) {
  const Descriptor& config = image.manifest.image().config;
  const auto made =
      std::find_if(image.blobs.begin(), image.blobs.end(), [&](const PlannedBlob& blob) {
        return blob.descriptor.digest == config.digest && blob.content.has_value();
      });
  if (made != image.blobs.end()) {
    return *made->content;
  }
  ASSIGN_OR_RETURN(std::unique_ptr<ByteSource> bytes, from.OpenBlob(config));
  return ReadAll(std::move(bytes), config.digest, config.size_bytes, kMaxConfigBytes);
}

}  // namespace

std::optional<Digest> DiffDigests::Find(const Digest& layer) {
  absl::MutexLock lock(&mutex_);
  if (!is_read_) {
    is_read_ = true;
    ReadAll();
  }
  const auto found = known_.find(layer);
  return found == known_.end() ? std::nullopt : found->second;
}

void DiffDigests::ReadAll() {
  // What comes in a stream cannot be had before its turn.
  if (!from_.ReadingOrder().empty()) {
    return;
  }
  for (const PlannedImage& image : plan_.images) {
    if (!image.manifest.is_schema1()) {
      Read(image);
    }
  }
}

void DiffDigests::Read(const PlannedImage& image) {
  const absl::StatusOr<std::string> bytes = ConfigOf(from_, image);
  if (!bytes.ok()) {
    return;
  }
  const absl::StatusOr<ImageConfig> config = ImageConfig::Parse(*bytes);
  const std::vector<Descriptor>& layers = image.manifest.image().layers;
  if (!config.ok() || !config->diff_ids.has_value() || config->diff_ids->size() != layers.size()) {
    return;
  }
  for (size_t i = 0; i < layers.size(); ++i) {
    absl::StatusOr<Digest> said = Digest::Parse((*config->diff_ids)[i]);
    const std::optional<Digest> digest =
        said.ok() ? std::optional<Digest>(*std::move(said)) : std::nullopt;
    const auto [known, is_new] = known_.emplace(layers[i].digest, digest);
    if (!is_new && known->second != digest) {
      known->second.reset();
    }
  }
}

}  // namespace holkas
