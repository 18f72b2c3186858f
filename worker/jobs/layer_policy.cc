#include "worker/jobs/layer_policy.h"

#include "absl/status/status.h"
#include "proto/wire/error.h"
#include "worker/image/chunked_annotations.h"

namespace holkas {
namespace {

LayerPolicy::Form FormOf(const v1::CopyRequest& options, const ImageDestination& to) {
  switch (options.layer_form()) {
    case v1::LAYER_FORM_AS_IS:
      return LayerPolicy::Form::kAsTheyAre;
    case v1::LAYER_FORM_COMPRESSED:
      return LayerPolicy::Form::kCompressed;
    case v1::LAYER_FORM_UNCOMPRESSED:
      return LayerPolicy::Form::kUncompressed;
    default:
      return to.wanted_layer_form();
  }
}

}  // namespace

Compression LayerPolicy::Wanted(Compression is) const {
  switch (form) {
    case Form::kAsTheyAre:
      return is;
    case Form::kUncompressed:
      return Compression::kNone;
    case Form::kCompressed:
      return is == Compression::kNone || recompress ? compression : is;
  }
  return is;
}

bool LayerPolicy::WantsContents(Compression is,
                                const std::map<std::string, std::string>& annotations) const {
  return with_contents && form == Form::kCompressed &&
         (is != Compression::kZstd || !HasContents(annotations));
}

std::string ReasonNotToModify(const v1::CopyRequest& options, const ImageDestination& to) {
  if (to.names_digest()) {
    return "Destination specifies a digest";
  }
  return options.preserve_digests() ? "Instructed to preserve digests" : "";
}

absl::StatusOr<LayerPolicy> LayerPolicyOf(const v1::CopyRequest& options,
                                          const ImageDestination& to) {
  const bool has_format = options.compression_format() != v1::COMPRESSION_FORMAT_UNSPECIFIED;
  if (options.force_compression_format() && !has_format) {
    return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_FIELD",
                     "cannot use ForceCompressionFormat with undefined default compression format",
                     {{"field", "force_compression_format"}});
  }
  LayerPolicy policy;
  if (!ReasonNotToModify(options, to).empty()) {
    return policy;
  }
  policy.form = FormOf(options, to);
  policy.recompress = has_format;
  policy.with_contents = options.compression_format() == v1::COMPRESSION_FORMAT_ZSTD_CHUNKED;
  const bool is_zstd =
      policy.with_contents || options.compression_format() == v1::COMPRESSION_FORMAT_ZSTD;
  policy.compression = is_zstd ? Compression::kZstd : Compression::kGzip;
  if (options.has_compression_level()) {
    policy.level = options.compression_level();
  }
  if (policy.NeedsOci() && (options.format() == v1::MANIFEST_FORMAT_DOCKER_V2S2 ||
                            options.format() == v1::MANIFEST_FORMAT_DOCKER_V2S1)) {
    return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_FIELD",
                     "Docker's manifests have no layers that are compressed by zstd",
                     {{"field", "compression_format"}});
  }
  policy.force_compression = options.force_compression_format();
  policy.precompute_digests = options.precompute_digests();
  return policy;
}

absl::StatusOr<std::unique_ptr<BlockFormat>> FormatOf(const LayerPolicy& policy) {
  if (policy.compression == Compression::kZstd) {
    return NewZstdFormat(policy.level);
  }
  return NewGzipFormat(policy.level);
}

}  // namespace holkas
