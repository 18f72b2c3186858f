#include "worker/jobs/copy_plan.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/crypt/encryption_annotations.h"
#include "worker/image/choose_platform.h"
#include "worker/image/convert.h"
#include "worker/image/layer_types.h"
#include "worker/image/media_types.h"
#include "worker/jobs/image_form.h"
#include "worker/jobs/manifest_types.h"

namespace holkas {
namespace {

absl::Status InvalidManifest(const Manifest& manifest, absl::string_view why) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "INVALID_MANIFEST",
                   absl::StrCat("manifest ", manifest.digest().ToString(), ": ", why));
}

absl::Status DigestsMustStay(absl::string_view what, absl::string_view reason) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "DESTINATION_CONFLICT",
                   absl::StrCat("layers cannot be ", what, ": ", reason));
}

bool IsDockerType(absl::string_view type) {
  return type == kDockerManifestType || type == kDockerListType;
}

// The type of an index in the other family: OCI for Docker's and Docker's for OCI.
absl::string_view OtherFamily(const Manifest& index) {
  return IsDockerType(index.media_type()) ? kOciIndexType : kDockerListType;
}

// A layer that its manifest says to get elsewhere, and that registries do not keep.
bool IsForeign(const Descriptor& layer) {
  return !layer.urls.empty() && (layer.media_type == kDockerForeignLayerType ||
                                 layer.media_type == kDockerForeignLayerGzipType ||
                                 layer.media_type == kOciNondistributableLayerType ||
                                 layer.media_type == kOciNondistributableLayerGzipType);
}

using Entries = std::vector<const ImageIndex::Entry*>;

Entries EntriesOf(const Manifest& index) {
  Entries entries;
  for (const ImageIndex::Entry& entry : index.index().manifests) {
    entries.push_back(&entry);
  }
  return entries;
}

std::vector<ImagePlatform> WantedPlatforms(const v1::CopyRequest& options) {
  std::vector<ImagePlatform> wanted;
  for (const v1::Platform& platform : options.platforms()) {
    wanted.push_back({platform.os(), platform.architecture(), platform.variant()});
  }
  return wanted;
}

// The layers that a copy may change: schema 1 has none of them.
std::vector<Descriptor> LayersOf(const Manifest& image) {
  return image.is_schema1() ? std::vector<Descriptor>() : image.image().layers;
}

constexpr absl::string_view kZstdAnnotation = "io.github.containers.compression.zstd";

// Whether the caller asked for what cannot be had where digests stay.
bool AsksForChange(const v1::CopyRequest& options) {
  return options.layer_form() == v1::LAYER_FORM_COMPRESSED ||
         options.layer_form() == v1::LAYER_FORM_UNCOMPRESSED ||
         options.compression_format() != v1::COMPRESSION_FORMAT_UNSPECIFIED;
}

// By the digest of each image at the source, what it is at the destination, where that differs.
std::map<Digest, Descriptor> ConvertedImages(const CopyPlan& plan) {
  std::map<Digest, Descriptor> converted;
  for (const PlannedImage& image : plan.images) {
    if (image.manifest.digest() != image.source_digest) {
      Descriptor descriptor = image.manifest.ToDescriptor();
      const std::vector<Descriptor> layers = LayersOf(image.manifest);
      if (std::any_of(layers.begin(), layers.end(), [](const Descriptor& layer) {
            return CompressionOfLayerType(layer.media_type) == Compression::kZstd;
          })) {
        // Readers that know it prefer such an image to another of its platform.
        descriptor.annotations.emplace(kZstdAnnotation, "true");
      }
      converted.emplace(image.source_digest, std::move(descriptor));
    }
  }
  return converted;
}

absl::StatusOr<Manifest> ConvertIndex(const Manifest& index, bool to_docker,
                                      const std::map<Digest, Descriptor>& converted) {
  if (to_docker) {
    return ConvertIndexToDocker(index, converted);
  }
  return index.media_type() == kOciIndexType ? ReplaceImages(index, converted)
                                             : ConvertIndexToOci(index, converted);
}

absl::Status NotAccepted(const Manifest& manifest) {
  return MakeError(
      absl::StatusCode::kUnimplemented, "MEDIA_TYPE_UNSUPPORTED",
      absl::StrCat("the destination does not take manifests of type ", manifest.media_type()));
}

class Planner {
 public:
  Planner(ImageSource& from, const ImageDestination& to, const v1::CopyRequest& options,
          const v1::Platform& platform, const UnwrapKey& unwrap)
      : from_(from), to_(to), options_(options), platform_(platform), unwrap_(unwrap) {}

  absl::StatusOr<CopyPlan> Plan();

 private:
  absl::Status PlanAll();
  absl::Status PlanEncryption(const std::string& reason_not_to_modify);
  absl::StatusOr<Manifest> ReadTop();
  // Reads an image that an index lists, and checks it against what the index says of it.
  absl::StatusOr<Manifest> ReadListed(const Descriptor& listed);
  absl::Status Count(const Manifest& manifest);

  v1::ManifestFormat Format() const {
    return plan_.layers.NeedsOci() || plan_.recipients.has_value() ? v1::MANIFEST_FORMAT_OCI
                                                                   : options_.format();
  }
  // Whether an index must be written in another type than it has.
  absl::StatusOr<bool> MustConvert(const Manifest& index) const;
  // The type that an image is written in; nullopt where it is written as it is.
  absl::StatusOr<std::optional<absl::string_view>> NewType(const Manifest& image) const;
  absl::Status CheckMayConvert(const Manifest& manifest, absl::string_view to_type) const;

  // The index and those of its images.
  absl::Status AddAll(const Manifest& index, const Entries& entries);
  absl::Status AddIndexOnly(Manifest index);
  absl::Status AddImage(Manifest source);
  // `source` as it is written: converted, or one of schema 1.
  absl::Status AddForm(const Manifest& source, const Digest& source_digest, ImageForm form);
  absl::Status ChooseToEncrypt(const Manifest& image);
  absl::Status AddLayers(PlannedImage& image, const std::vector<Descriptor>& layers);
  absl::Status AddBlob(PlannedImage& image, PlannedBlob blob);

  ImageSource& from_;
  const ImageDestination& to_;
  const v1::CopyRequest& options_;
  const v1::Platform& platform_;
  const UnwrapKey& unwrap_;

  CopyPlan plan_;
  int64_t held_bytes_ = 0;
  // The sizes of the blobs that are planned.
  std::map<Digest, int64_t> blobs_;
  // Those that are something else in another place, and must stay as they are.
  std::set<Digest> unchangeable_;
  // The layers that are encrypted at the source and are to be decrypted, by their plain digest.
  std::map<Digest, EncryptedLayer> encrypted_;
  // The layers to encrypt, wherever they are.
  std::set<Digest> to_encrypt_;
};

absl::StatusOr<CopyPlan> Planner::Plan() {
  RETURN_IF_ERROR(PlanAll());
  for (PlannedImage& image : plan_.images) {
    for (PlannedBlob& blob : image.blobs) {
      blob.encrypt = to_encrypt_.count(blob.descriptor.digest) > 0;
      if (blob.encrypt && blob.kind == v1::BLOB_KIND_CONFIG) {
        return InvalidManifest(image.manifest, "its configuration is a layer to encrypt");
      }
      blob.changeable = blob.changeable && unchangeable_.count(blob.descriptor.digest) == 0;
    }
  }
  return std::move(plan_);
}

absl::Status Planner::PlanAll() {
  ASSIGN_OR_RETURN(plan_.layers, LayerPolicyOf(options_, to_));
  const std::string reason = ReasonNotToModify(options_, to_);
  if (!reason.empty() && AsksForChange(options_)) {
    plan_.warnings.push_back(absl::StrCat("layers are copied as they are: ", reason));
  }
  RETURN_IF_ERROR(PlanEncryption(reason));
  ASSIGN_OR_RETURN(Manifest top, ReadTop());
  if (!top.is_index()) {
    plan_.source_top = top;
    return AddImage(std::move(top));
  }
  plan_.listed_images = static_cast<int>(top.index().manifests.size());
  switch (options_.multi_arch()) {
    case v1::MULTI_ARCH_ALL:
      return AddAll(top, EntriesOf(top));
    case v1::MULTI_ARCH_PLATFORMS: {
      ASSIGN_OR_RETURN(const Entries chosen, ChoosePlatforms(top, WantedPlatforms(options_)));
      return AddAll(top, chosen);
    }
    case v1::MULTI_ARCH_INDEX_ONLY:
      return AddIndexOnly(std::move(top));
    default: {
      ASSIGN_OR_RETURN(
          const ImageIndex::Entry* chosen,
          ChoosePlatform(top, {platform_.os(), platform_.architecture(), platform_.variant()}));
      ASSIGN_OR_RETURN(Manifest image, ReadListed(chosen->descriptor));
      plan_.source_top = std::move(top);
      return AddImage(std::move(image));
    }
  }
}

absl::Status Planner::PlanEncryption(const std::string& reason_not_to_modify) {
  if (!options_.has_encryption()) {
    return absl::OkStatus();
  }
  if (options_.multi_arch() == v1::MULTI_ARCH_INDEX_ONLY) {
    return DigestsMustStay("encrypted", "only the index is copied");
  }
  if (!reason_not_to_modify.empty()) {
    return DigestsMustStay("encrypted", reason_not_to_modify);
  }
  if (options_.format() == v1::MANIFEST_FORMAT_DOCKER_V2S2) {
    return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_FIELD",
                     "Docker's manifests have no encrypted layers", {{"field", "format"}});
  }
  ASSIGN_OR_RETURN(plan_.recipients, LayerRecipients::Parse(options_.encryption()));
  return absl::OkStatus();
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

absl::StatusOr<bool> Planner::MustConvert(const Manifest& index) const {
  const bool is_docker = IsDockerType(index.media_type());
  const bool wants_oci = Format() == v1::MANIFEST_FORMAT_OCI;
  const bool wants_docker = !wants_oci && Format() != v1::MANIFEST_FORMAT_UNSPECIFIED;
  const bool wants_other = is_docker ? wants_oci : wants_docker;
  if (!wants_other && to_.AcceptsManifestType(index.media_type())) {
    return false;
  }
  RETURN_IF_ERROR(CheckMayConvert(index, OtherFamily(index)));
  return true;
}

absl::StatusOr<std::optional<absl::string_view>> Planner::NewType(const Manifest& image) const {
  const std::vector<absl::string_view> types = ManifestTypesFor(image.media_type(), Format(), to_);
  const absl::string_view type = types.empty() ? absl::string_view() : types.front();
  if (type != image.media_type()) {
    RETURN_IF_ERROR(CheckMayConvert(image, type));
    return std::optional(type);
  }
  if (!to_.AcceptsManifestType(type)) {
    return NotAccepted(image);
  }
  if (!image.is_schema1() || !HasOtherName(image.schema1(), to_)) {
    return std::optional<absl::string_view>();
  }
  if (const std::string reason = ReasonNotToModify(options_, to_); !reason.empty()) {
    return MakeError(
        absl::StatusCode::kFailedPrecondition, "DESTINATION_CONFLICT",
        absl::StrCat("Copying a schema1 image with an embedded Docker reference to ",
                     to_.embedded_name()->repository, ":", to_.embedded_name()->tag,
                     " would change the manifest, which we cannot do: \"", reason, "\""));
  }
  return std::optional(kDockerSchema1SignedType);
}

absl::Status Planner::CheckMayConvert(const Manifest& manifest, absl::string_view to_type) const {
  if (!to_.AcceptsManifestType(to_type)) {
    return NotAccepted(manifest);
  }
  if (const std::string reason = ReasonNotToModify(options_, to_); !reason.empty()) {
    // In Skopeo's words.
    return MakeError(
        absl::StatusCode::kFailedPrecondition, "DESTINATION_CONFLICT",
        absl::StrCat(manifest.is_index() ? "Manifest list" : "Manifest",
                     " must be converted to type \"", to_type,
                     "\" to be written to destination, but we cannot modify it: \"", reason, "\""));
  }
  return absl::OkStatus();
}

absl::Status Planner::AddAll(const Manifest& index, const Entries& entries) {
  std::set<Digest> seen;
  for (const ImageIndex::Entry* entry : entries) {
    if (!seen.insert(entry->descriptor.digest).second) {
      continue;
    }
    ASSIGN_OR_RETURN(Manifest image, ReadListed(entry->descriptor));
    RETURN_IF_ERROR(AddImage(std::move(image)));
  }
  ASSIGN_OR_RETURN(const bool must_convert, MustConvert(index));
  plan_.source_index = index;
  const std::map<Digest, Descriptor> converted = ConvertedImages(plan_);
  if (!must_convert && converted.empty()) {
    plan_.index = index;
    return absl::OkStatus();
  }
  const bool to_docker = IsDockerType(must_convert ? OtherFamily(index) : index.media_type());
  ASSIGN_OR_RETURN(plan_.index, ConvertIndex(index, to_docker, converted));
  return absl::OkStatus();
}

absl::Status Planner::AddIndexOnly(Manifest index) {
  ASSIGN_OR_RETURN(const bool must_convert, MustConvert(index));
  if (must_convert) {
    // Its images stay what they are, as they do for Skopeo.
    ASSIGN_OR_RETURN(plan_.index, ConvertIndex(index, !IsDockerType(index.media_type()), {}));
    return absl::OkStatus();
  }
  plan_.index = std::move(index);
  return absl::OkStatus();
}

absl::Status Planner::AddImage(Manifest source) {
  const Digest source_digest = source.digest();
  if (unwrap_ != nullptr && !source.is_schema1()) {
    ASSIGN_OR_RETURN(DecryptedImage decrypted, DecryptLayers(source, unwrap_));
    const std::string reason = ReasonNotToModify(options_, to_);
    if (!decrypted.layers.empty() && !reason.empty()) {
      return DigestsMustStay("decrypted", reason);
    }
    source = std::move(decrypted.manifest);
    encrypted_.merge(decrypted.layers);
  }
  ASSIGN_OR_RETURN(const std::optional<absl::string_view> new_type, NewType(source));
  if (new_type.has_value()) {
    ASSIGN_OR_RETURN(ImageForm form,
                     ConvertImage(from_, source, /*config=*/std::nullopt, *new_type, to_));
    return AddForm(source, source_digest, std::move(form));
  }
  if (source.is_schema1()) {
    ASSIGN_OR_RETURN(ImageForm form, MeasureSchema1(from_, source));
    return AddForm(source, source_digest, std::move(form));
  }
  PlannedImage image{source_digest, std::move(source), {}};
  const Descriptor config = image.manifest.image().config;
  RETURN_IF_ERROR(AddLayers(image, image.manifest.image().layers));
  RETURN_IF_ERROR(AddBlob(image, {config, config.digest, v1::BLOB_KIND_CONFIG, std::nullopt}));
  plan_.images.push_back(std::move(image));
  return absl::OkStatus();
}

absl::Status Planner::AddForm(const Manifest& source, const Digest& source_digest, ImageForm form) {
  RETURN_IF_ERROR(Count(form.manifest));
  PlannedImage image{source_digest, std::move(form.manifest), {}};
  RETURN_IF_ERROR(AddLayers(image, form.layers));
  for (ImageForm::MadeBlob& made : form.made) {
    held_bytes_ += static_cast<int64_t>(made.content.size());
    const bool was_there = made.kind == v1::BLOB_KIND_CONFIG && !source.is_schema1();
    const Digest config_digest = was_there ? source.image().config.digest : made.descriptor.digest;
    RETURN_IF_ERROR(
        AddBlob(image, {made.descriptor, config_digest, made.kind, std::move(made.content)}));
  }
  plan_.images.push_back(std::move(image));
  return absl::OkStatus();
}

absl::Status Planner::ChooseToEncrypt(const Manifest& image) {
  const std::vector<Descriptor>& layers = image.image().layers;
  std::set<size_t> chosen;
  for (const int32_t number : options_.encryption().layers()) {
    const int64_t count = static_cast<int64_t>(layers.size());
    const int64_t index = number < 0 ? count + number : number;
    if (index < 0 || index >= count) {
      return MakeError(absl::StatusCode::kFailedPrecondition, "LAYER_UNKNOWN",
                       absl::StrCat("encrypt layer ", number, ": image ", image.digest().ToString(),
                                    " has ", count, " layers"));
    }
    chosen.insert(static_cast<size_t>(index));
  }
  for (size_t i = 0; i < layers.size(); ++i) {
    const bool is_chosen = options_.encryption().layers().empty() || chosen.count(i) > 0;
    if (!is_chosen || IsForeign(layers[i]) || IsEncryptedLayerType(layers[i].media_type)) {
      continue;
    }
    if (!CompressionOfLayerType(layers[i].media_type).has_value()) {
      return MakeError(absl::StatusCode::kUnimplemented, "MEDIA_TYPE_UNSUPPORTED",
                       absl::StrCat("unsupported mediaType to encrypt: ", layers[i].media_type));
    }
    to_encrypt_.insert(layers[i].digest);
  }
  return absl::OkStatus();
}

absl::Status Planner::AddLayers(PlannedImage& image, const std::vector<Descriptor>& layers) {
  if (plan_.recipients.has_value()) {
    RETURN_IF_ERROR(ChooseToEncrypt(image.manifest));
  }
  // Schema 1 is written before its layers are.
  const bool may_change = plan_.layers.form != LayerPolicy::Form::kAsTheyAre &&
                          !image.manifest.is_schema1() &&
                          HasFileSystemLayers(image.manifest.image());
  for (const Descriptor& layer : layers) {
    if (IsForeign(layer)) {
      plan_.warnings.push_back(absl::StrCat("layer ", layer.digest.ToString(),
                                            " is not copied: its image says to get it from ",
                                            layer.urls.front()));
      continue;
    }
    const bool changeable = may_change && CompressionOfLayerType(layer.media_type).has_value();
    PlannedBlob blob{layer, layer.digest, v1::BLOB_KIND_LAYER, std::nullopt, changeable};
    if (const auto found = encrypted_.find(layer.digest); found != encrypted_.end()) {
      blob.source_digest = found->second.descriptor.digest;
      blob.encrypted = found->second;
    }
    RETURN_IF_ERROR(AddBlob(image, std::move(blob)));
  }
  return absl::OkStatus();
}

absl::Status Planner::AddBlob(PlannedImage& image, PlannedBlob blob) {
  const Descriptor& descriptor = blob.descriptor;
  if (!blob.changeable) {
    unchangeable_.insert(descriptor.digest);
  }
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

absl::Status FinishManifests(CopyPlan& plan, const std::map<Digest, MadeLayer>& made) {
  if (made.empty()) {
    return absl::OkStatus();
  }
  for (PlannedImage& image : plan.images) {
    const std::vector<Descriptor> layers = LayersOf(image.manifest);
    if (std::any_of(layers.begin(), layers.end(),
                    [&](const Descriptor& layer) { return made.count(layer.digest) > 0; })) {
      ASSIGN_OR_RETURN(image.manifest, ReplaceLayers(image.manifest, made));
    }
  }
  if (!plan.source_index.has_value()) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(plan.index,
                   ConvertIndex(*plan.source_index, IsDockerType(plan.index->media_type()),
                                ConvertedImages(plan)));
  return absl::OkStatus();
}

absl::StatusOr<CopyPlan> PlanCopy(ImageSource& from, const ImageDestination& to,
                                  const v1::CopyRequest& options, const v1::Platform& platform,
                                  const UnwrapKey& unwrap) {
  return Planner(from, to, options, platform, unwrap).Plan();
}

}  // namespace holkas
