#include "worker/jobs/copy_plan.h"

#include <map>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/blob/read_all.h"
#include "worker/image/choose_platform.h"
#include "worker/image/convert.h"
#include "worker/image/media_types.h"

namespace holkas {
namespace {

absl::Status OptionUnimplemented(absl::string_view field, absl::string_view what) {
  return MakeError(absl::StatusCode::kUnimplemented, "OPTION_UNIMPLEMENTED",
                   absl::StrCat(what, " is not implemented"), {{"field", std::string(field)}});
}

absl::Status InvalidManifest(const Manifest& manifest, absl::string_view why) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "INVALID_MANIFEST",
                   absl::StrCat("manifest ", manifest.digest().ToString(), ": ", why));
}

absl::Status CheckOptions(const v1::CopyRequest& options) {
  if (options.multi_arch() == v1::MULTI_ARCH_PLATFORMS) {
    return OptionUnimplemented("multi_arch", "copying a list of platforms");
  }
  if (options.format() == v1::MANIFEST_FORMAT_DOCKER_V2S1) {
    return OptionUnimplemented("format", "writing manifests of schema 1");
  }
  return absl::OkStatus();
}

bool IsDockerType(absl::string_view type) {
  return type == kDockerManifestType || type == kDockerListType;
}

// The type of the same kind in the other family: OCI for Docker's and Docker's for OCI.
absl::string_view OtherFamily(const Manifest& manifest) {
  const bool is_docker = IsDockerType(manifest.media_type());
  if (manifest.is_index()) {
    return is_docker ? kOciIndexType : kDockerListType;
  }
  return is_docker ? kOciManifestType : kDockerManifestType;
}

// A layer that its manifest says to get elsewhere, and that registries do not keep.
bool IsForeign(const Descriptor& layer) {
  return !layer.urls.empty() && (layer.media_type == kDockerForeignLayerType ||
                                 layer.media_type == kDockerForeignLayerGzipType ||
                                 layer.media_type == kOciNondistributableLayerType ||
                                 layer.media_type == kOciNondistributableLayerGzipType);
}

class Planner {
 public:
  Planner(ImageSource& from, const ImageDestination& to, const v1::CopyRequest& options,
          const v1::Platform& platform)
      : from_(from), to_(to), options_(options), platform_(platform) {}

  absl::StatusOr<CopyPlan> Plan();

 private:
  absl::StatusOr<Manifest> ReadTop();
  // Reads an image that an index lists, and checks it against what the index says of it.
  absl::StatusOr<Manifest> ReadListed(const Descriptor& listed);
  absl::Status Count(const Manifest& manifest);

  // Whether `manifest` must be written in another type than it has.
  absl::StatusOr<bool> MustConvert(const Manifest& manifest) const;
  absl::Status CheckMayConvert(const Manifest& manifest, absl::string_view to_type) const;

  absl::Status AddAll(const Manifest& index);
  absl::Status AddIndexOnly(Manifest index);
  absl::Status AddImage(Manifest source);
  absl::StatusOr<PlannedImage> Convert(const Manifest& source);
  // `config` is the image's configuration, as AddBlob wants it.
  absl::Status AddBlobs(PlannedImage& image, PlannedBlob config);
  absl::Status AddBlob(PlannedImage& image, PlannedBlob blob);

  ImageSource& from_;
  const ImageDestination& to_;
  const v1::CopyRequest& options_;
  const v1::Platform& platform_;

  CopyPlan plan_;
  int64_t held_bytes_ = 0;
  // The sizes of the blobs that are planned.
  std::map<Digest, int64_t> blobs_;
  // What the images that were converted became, by their digest at the source.
  std::map<Digest, Descriptor> converted_;
};

absl::StatusOr<CopyPlan> Planner::Plan() {
  RETURN_IF_ERROR(CheckOptions(options_));
  ASSIGN_OR_RETURN(Manifest top, ReadTop());
  if (!top.is_index()) {
    RETURN_IF_ERROR(AddImage(std::move(top)));
    return std::move(plan_);
  }
  plan_.listed_images = static_cast<int>(top.index().manifests.size());
  switch (options_.multi_arch()) {
    case v1::MULTI_ARCH_ALL:
      RETURN_IF_ERROR(AddAll(top));
      break;
    case v1::MULTI_ARCH_INDEX_ONLY:
      RETURN_IF_ERROR(AddIndexOnly(std::move(top)));
      break;
    default: {
      ASSIGN_OR_RETURN(
          const ImageIndex::Entry* chosen,
          ChoosePlatform(top, {platform_.os(), platform_.architecture(), platform_.variant()}));
      ASSIGN_OR_RETURN(Manifest image, ReadListed(chosen->descriptor));
      RETURN_IF_ERROR(AddImage(std::move(image)));
      break;
    }
  }
  return std::move(plan_);
}

absl::StatusOr<Manifest> Planner::ReadTop() {
  ASSIGN_OR_RETURN(RawManifest raw, from_.ReadManifest(std::nullopt));
  ASSIGN_OR_RETURN(Manifest manifest, Manifest::Parse(std::move(raw)));
  RETURN_IF_ERROR(Count(manifest));
  return manifest;
}

absl::StatusOr<Manifest> Planner::ReadListed(const Descriptor& listed) {
  ASSIGN_OR_RETURN(RawManifest raw, from_.ReadManifest(listed.digest));
  if (static_cast<int64_t>(raw.bytes.size()) != listed.size_bytes) {
    return MakeError(absl::StatusCode::kDataLoss, "CONTENT_MISMATCH",
                     absl::StrCat("read manifest ", listed.digest.ToString(), ": got ",
                                  raw.bytes.size(), " bytes, want ", listed.size_bytes));
  }
  if (raw.media_type.empty()) {
    raw.media_type = listed.media_type;
  }
  ASSIGN_OR_RETURN(Manifest manifest, Manifest::Parse(std::move(raw)));
  RETURN_IF_ERROR(Count(manifest));
  if (manifest.media_type() != listed.media_type) {
    return InvalidManifest(manifest, absl::StrCat("it is of type ", manifest.media_type(),
                                                  ", its index says ", listed.media_type));
  }
  if (manifest.is_index()) {
    return MakeError(
        absl::StatusCode::kUnimplemented, "MEDIA_TYPE_UNSUPPORTED",
        absl::StrCat("manifest ", manifest.digest().ToString(), " is an index within an index"));
  }
  return manifest;
}

absl::Status Planner::Count(const Manifest& manifest) {
  held_bytes_ += static_cast<int64_t>(manifest.bytes().size());
  if (held_bytes_ > kMaxPlannedManifestBytes) {
    return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                     absl::StrCat("the index's manifests have more than ", kMaxPlannedManifestBytes,
                                  " bytes in all"));
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> Planner::MustConvert(const Manifest& manifest) const {
  const absl::string_view type = manifest.media_type();
  const bool wants_other =
      (options_.format() == v1::MANIFEST_FORMAT_OCI && IsDockerType(type)) ||
      (options_.format() == v1::MANIFEST_FORMAT_DOCKER_V2S2 && !IsDockerType(type));
  if (!wants_other && to_.AcceptsManifestType(type)) {
    return false;
  }
  RETURN_IF_ERROR(CheckMayConvert(manifest, OtherFamily(manifest)));
  return true;
}

absl::Status Planner::CheckMayConvert(const Manifest& manifest, absl::string_view to_type) const {
  if (!to_.AcceptsManifestType(to_type)) {
    return MakeError(
        absl::StatusCode::kUnimplemented, "MEDIA_TYPE_UNSUPPORTED",
        absl::StrCat("the destination does not take manifests of type ", manifest.media_type()));
  }
  if (options_.preserve_digests()) {
    return MakeError(
        absl::StatusCode::kFailedPrecondition, "DESTINATION_CONFLICT",
        absl::StrCat("manifest ", manifest.digest().ToString(), " must be converted to type ",
                     to_type, ", but its digest is to be preserved"));
  }
  return absl::OkStatus();
}

absl::Status Planner::AddAll(const Manifest& index) {
  std::set<Digest> seen;
  for (const ImageIndex::Entry& entry : index.index().manifests) {
    if (!seen.insert(entry.descriptor.digest).second) {
      continue;
    }
    ASSIGN_OR_RETURN(Manifest image, ReadListed(entry.descriptor));
    RETURN_IF_ERROR(AddImage(std::move(image)));
  }
  ASSIGN_OR_RETURN(const bool must_convert, MustConvert(index));
  if (!must_convert && converted_.empty()) {
    plan_.index = index;
    return absl::OkStatus();
  }
  const bool to_docker = IsDockerType(must_convert ? OtherFamily(index) : index.media_type());
  ASSIGN_OR_RETURN(plan_.index, to_docker ? ConvertIndexToDocker(index, converted_)
                                          : ConvertIndexToOci(index, converted_));
  return absl::OkStatus();
}

absl::Status Planner::AddIndexOnly(Manifest index) {
  ASSIGN_OR_RETURN(const bool must_convert, MustConvert(index));
  if (must_convert) {
    // Its images would have to be read to know what they become.
    return MakeError(absl::StatusCode::kFailedPrecondition, "DESTINATION_CONFLICT",
                     absl::StrCat("index ", index.digest().ToString(),
                                  " cannot be converted without its images"));
  }
  plan_.index = std::move(index);
  return absl::OkStatus();
}

absl::Status Planner::AddImage(Manifest source) {
  ASSIGN_OR_RETURN(const bool must_convert, MustConvert(source));
  if (must_convert) {
    ASSIGN_OR_RETURN(PlannedImage image, Convert(source));
    plan_.images.push_back(std::move(image));
    return absl::OkStatus();
  }
  PlannedImage image{source.digest(), std::move(source), {}};
  const Descriptor& config = image.manifest.image().config;
  RETURN_IF_ERROR(AddBlobs(image, {config, config.digest, v1::BLOB_KIND_CONFIG, std::nullopt}));
  plan_.images.push_back(std::move(image));
  return absl::OkStatus();
}

absl::StatusOr<PlannedImage> Planner::Convert(const Manifest& source) {
  const Descriptor& config = source.image().config;
  ASSIGN_OR_RETURN(std::unique_ptr<ByteSource> bytes, from_.OpenBlob(config));
  ASSIGN_OR_RETURN(const std::string config_json,
                   ReadAll(std::move(bytes), config.digest, config.size_bytes, kMaxConfigBytes));
  const bool to_docker = IsDockerType(OtherFamily(source));
  ASSIGN_OR_RETURN(ConvertedImage converted, to_docker ? ConvertToDocker(source, config_json)
                                                       : ConvertToOci(source, config_json));
  RETURN_IF_ERROR(Count(converted.manifest));
  held_bytes_ += static_cast<int64_t>(converted.config.size());
  converted_.emplace(source.digest(), converted.manifest.ToDescriptor());
  PlannedImage image{source.digest(), std::move(converted.manifest), {}};
  RETURN_IF_ERROR(AddBlobs(image, {image.manifest.image().config, config.digest,
                                   v1::BLOB_KIND_CONFIG, std::move(converted.config)}));
  return image;
}

absl::Status Planner::AddBlobs(PlannedImage& image, PlannedBlob config) {
  for (const Descriptor& layer : image.manifest.image().layers) {
    if (IsForeign(layer)) {
      plan_.warnings.push_back(absl::StrCat("layer ", layer.digest.ToString(),
                                            " is not copied: its image says to get it from ",
                                            layer.urls.front()));
      continue;
    }
    RETURN_IF_ERROR(AddBlob(image, {layer, layer.digest, v1::BLOB_KIND_LAYER, std::nullopt}));
  }
  return AddBlob(image, std::move(config));
}

absl::Status Planner::AddBlob(PlannedImage& image, PlannedBlob blob) {
  const Descriptor& descriptor = blob.descriptor;
  const auto [known, is_new] = blobs_.emplace(descriptor.digest, descriptor.size_bytes);
  if (!is_new) {
    if (known->second != descriptor.size_bytes) {
      return InvalidManifest(image.manifest,
                             absl::StrCat("blob ", descriptor.digest.ToString(), " has two sizes, ",
                                          known->second, " and ", descriptor.size_bytes));
    }
    return absl::OkStatus();
  }
  if (blobs_.size() > kMaxPlannedBlobs) {
    return MakeError(
        absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
        absl::StrCat("the index's images have more than ", kMaxPlannedBlobs, " blobs in all"));
  }
  image.blobs.push_back(std::move(blob));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CopyPlan> PlanCopy(ImageSource& from, const ImageDestination& to,
                                  const v1::CopyRequest& options, const v1::Platform& platform) {
  return Planner(from, to, options, platform).Plan();
}

}  // namespace holkas
