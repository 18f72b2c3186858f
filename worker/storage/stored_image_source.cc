#include "worker/storage/stored_image_source.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/blob/string_source.h"
#include "worker/storage/plain_manifest.h"

namespace holkas {
namespace {

constexpr absl::string_view kManifestKey = "manifest";

absl::Status Missing(absl::string_view reason, absl::string_view what) {
  return MakeError(absl::StatusCode::kNotFound, reason,
                   absl::StrCat("read ", what, ": not in the store"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<StoredImageSource>> StoredImageSource::Open(
    Store store, const StoredImageName& name, Layers layers) {
  ASSIGN_OR_RETURN(const std::vector<ImageRecord> images, store.ReadImages());
  ASSIGN_OR_RETURN(const ImageRecord* image, FindImage(images, name));
  ASSIGN_OR_RETURN(const std::vector<LayerRecord> all, store.ReadLayers());
  absl::StatusOr<std::vector<LayerRecord>> chain = LayerChain(all, image->layer);
  RETURN_IF_ERROR(WithContext(chain.status(), absl::StrCat("image ", image->id)));
  return std::unique_ptr<StoredImageSource>(
      new StoredImageSource(std::move(store), name.digest, *image, *std::move(chain), layers));
}

absl::StatusOr<RawManifest> StoredImageSource::ReadStored(
    absl::string_view key, const std::optional<Digest>& digest) const {
  absl::StatusOr<std::string> bytes = store_.ReadImageData(image_.id, key, kMaxManifestBytes);
  if (absl::IsNotFound(bytes.status())) {
    return Missing("MANIFEST_UNKNOWN", key);
  }
  RETURN_IF_ERROR(bytes.status());
  Digest actual = Digest::Sha256Of(*bytes);
  if (digest.has_value() && actual != *digest) {
    return MakeError(
        absl::StatusCode::kDataLoss, "CONTENT_MISMATCH",
        absl::StrCat("read manifest ", digest->ToString(), ": its digest is ", actual.ToString()));
  }
  return RawManifest{*std::move(bytes), std::move(actual), /*media_type=*/""};
}

absl::StatusOr<Digest> StoredImageSource::StoredDigest() const {
  ASSIGN_OR_RETURN(const RawManifest raw, ReadStored(kManifestKey, std::nullopt));
  return raw.digest;
}

absl::StatusOr<RawManifest> StoredImageSource::ReadManifest(const std::optional<Digest>& instance) {
  if (instance.has_value()) {
    return ReadStored(ManifestKey(*instance), instance);
  }
  if (layers_ == Layers::kAsStored && digest_.has_value() &&
      image_.data_digests.contains(ManifestKey(*digest_))) {
    return ReadStored(ManifestKey(*digest_), digest_);
  }
  ASSIGN_OR_RETURN(RawManifest raw, ReadStored(kManifestKey, std::nullopt));
  if (layers_ == Layers::kAsStored) {
    return raw;
  }
  ASSIGN_OR_RETURN(const Manifest manifest, Manifest::Parse(raw));
  if (manifest.is_index()) {
    return raw;
  }
  if (manifest.is_schema1()) {
    // Its layers without content are not in the store, and its IDs are made of compressed layers.
    return MakeError(absl::StatusCode::kUnimplemented, "MEDIA_TYPE_UNSUPPORTED",
                     "images of Docker's schema 1 are not read from a store");
  }
  ASSIGN_OR_RETURN(raw.bytes, WithPlainLayers(manifest, chain_));
  raw.digest = Digest::Sha256Of(raw.bytes);
  return raw;
}

absl::StatusOr<std::unique_ptr<ByteSource>> StoredImageSource::OpenBlob(const Descriptor& blob) {
  for (const LayerRecord& layer : chain_) {
    if (layer.diff_digest == blob.digest) {
      return store_.OpenLayerTar(layer.id);
    }
  }
  if (!image_.data_digests.contains(blob.digest.ToString())) {
    return Missing("BLOB_UNKNOWN", absl::StrCat("blob ", blob.digest.ToString()));
  }
  ASSIGN_OR_RETURN(std::string bytes,
                   store_.ReadImageData(image_.id, blob.digest.ToString(), kMaxConfigBytes));
  return std::make_unique<StringSource>(std::move(bytes));
}

std::optional<ImageSource::CompressedTwin> StoredImageSource::FindCompressedTwin(
    const Descriptor& blob) const {
  for (const LayerRecord& layer : chain_) {
    if (layer.diff_digest == blob.digest && layer.compression != Compression::kNone &&
        layer.compressed_digest.has_value() && layer.compressed_size_bytes > 0) {
      return CompressedTwin{*layer.compressed_digest, layer.compressed_size_bytes,
                            layer.compression};
    }
  }
  return std::nullopt;
}

}  // namespace holkas
