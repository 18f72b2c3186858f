#ifndef HOLKAS_WORKER_JOBS_COPY_PLAN_H_
#define HOLKAS_WORKER_JOBS_COPY_PLAN_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "holkas/v1/image.pb.h"
#include "holkas/v1/image_service.pb.h"
#include "proto/wire/digest.h"
#include "worker/crypt/layer_recipients.h"
#include "worker/image/manifest.h"
#include "worker/image/rewrite_manifest.h"
#include "worker/jobs/decrypt_layers.h"
#include "worker/jobs/layer_policy.h"
#include "worker/transports/image_destination.h"
#include "worker/transports/image_source.h"

namespace holkas {

// The manifests of one plan never have more bytes in all than this: they are all held in memory.
inline constexpr int64_t kMaxPlannedManifestBytes = 16 << 20;
// The blobs of one plan are never more than this.
inline constexpr size_t kMaxPlannedBlobs = 50'000;

// A blob to be brought to the destination.
struct PlannedBlob {
  // What it is at the destination.
  Descriptor descriptor;
  // Its digest at the source; another one only where it was converted.
  Digest source_digest;
  v1::BlobKind kind = v1::BLOB_KIND_UNSPECIFIED;
  // Its bytes, where a conversion made them.
  std::optional<std::string> content;
  // Whether the plan's policy for layers applies: its bytes may become others.
  bool changeable = false;
  // Whether it is to be encrypted, after that.
  bool encrypt = false;
  // How it is read, where it is encrypted at the source and `descriptor` is that of the plain
  // layer.
  std::optional<EncryptedLayer> encrypted = std::nullopt;
};

// An image to be written: its blobs first, then its manifest.
struct PlannedImage {
  // The manifest's digest at the source.
  Digest source_digest;
  // As the destination gets it, but for the layers that change on their way.
  Manifest manifest;
  // Layers from the base up, then the configuration; without those that an image before has.
  std::vector<PlannedBlob> blobs;
};

// What a copy does, in order: the blobs of all images, the images' manifests, the index.
struct CopyPlan {
  std::vector<PlannedImage> images;
  // The top, where the copy writes an index; otherwise the only image's manifest is.
  std::optional<Manifest> index;
  // The same at the source, with MULTI_ARCH_ALL.
  std::optional<Manifest> source_index;
  // What the source's name stands for, where one image is copied: its manifest, or an index with
  // it.
  std::optional<Manifest> source_top;
  LayerPolicy layers;
  // Who may read the layers that are to be encrypted.
  std::optional<LayerRecipients> recipients;
  // How many images the source's index lists; 0 where the source is a single image.
  int listed_images = 0;
  // For people to read.
  std::vector<std::string> warnings;

  const Manifest& top() const { return index.has_value() ? *index : images.front().manifest; }
};

// Puts what layers became, by their digests at the source, into the manifests of `plan`, and into
// the index what those became.
// Errors: UNIMPLEMENTED (MEDIA_TYPE_UNSUPPORTED); RESOURCE_EXHAUSTED (LIMIT_EXCEEDED).
absl::Status FinishManifests(CopyPlan& plan, const std::map<Digest, MadeLayer>& made);

// Reads the manifests of `from` (and the configurations that must be converted), decides what of
// them goes to `to`, and in which form. Writes nothing. `unwrap` gives the keys of layers that are
// encrypted; null: they stay so.
// Errors, beside those of the source, LayerPolicyOf, LayerRecipients and DecryptLayers: NOT_FOUND
// (PLATFORM_NOT_FOUND); FAILED_PRECONDITION (INVALID_MANIFEST, DESTINATION_CONFLICT,
// LAYER_UNKNOWN); DATA_LOSS (CONTENT_MISMATCH); UNIMPLEMENTED (OPTION_UNIMPLEMENTED,
// MEDIA_TYPE_UNSUPPORTED); RESOURCE_EXHAUSTED (LIMIT_EXCEEDED).
absl::StatusOr<CopyPlan> PlanCopy(ImageSource& from, const ImageDestination& to,
                                  const v1::CopyRequest& options, const v1::Platform& platform,
                                  const UnwrapKey& unwrap = nullptr);

}  // namespace holkas

#endif  // HOLKAS_WORKER_JOBS_COPY_PLAN_H_
