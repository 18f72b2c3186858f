#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "proto/wire/digester.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/unique_fd.h"
#include "worker/archive/random_file.h"
#include "worker/blob/copy_bytes.h"
#include "worker/blob/string_source.h"
#include "worker/image/media_types.h"
#include "worker/squashfs/squashfs_reader.h"
#include "worker/squashfs/squashfs_tar_source.h"
#include "worker/transports/sif/definition_file.h"
#include "worker/transports/sif/sif.h"
#include "worker/transports/sif/sif_file.h"

namespace holkas {
namespace {

// Where Skopeo puts the definition file's script.
constexpr absl::string_view kScriptDirectory = "podman";
constexpr absl::string_view kScriptName = "runscript";
constexpr absl::string_view kConverting = "converting rootfs from SquashFS to Tarball";

absl::StatusOr<std::string> CreatedText(int64_t seconds) {
  // What RFC 3339 can write.
  const absl::TimeZone utc = absl::UTCTimeZone();
  if (seconds < absl::ToUnixSeconds(absl::FromCivil(absl::CivilSecond(0), utc)) ||
      seconds >= absl::ToUnixSeconds(absl::FromCivil(absl::CivilSecond(10000), utc))) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "INVALID_ARCHIVE",
                     "generating configuration blob: the image was changed in a year beyond 9999");
  }
  return absl::FormatTime("%E4Y-%m-%dT%H:%M:%SZ", absl::FromUnixSeconds(seconds), utc);
}

absl::StatusOr<std::string> ReadDefinition(const RandomFile& file, const SifFile& sif) {
  if (!sif.definition.has_value()) {
    return "";
  }
  const auto& [offset, size_bytes] = *sif.definition;
  if (offset < 0 || size_bytes < 0) {
    return "";
  }
  // Skopeo, too, takes what is there of one that the file ends before.
  std::string bytes(static_cast<size_t>(std::min(size_bytes, kMaxDefinitionBytes + 1)), '\0');
  ASSIGN_OR_RETURN(const size_t count,
                   file.ReadAt(offset, absl::MakeSpan(bytes.data(), bytes.size())));
  if (static_cast<int64_t>(count) > kMaxDefinitionBytes) {
    return MakeError(
        absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
        absl::StrCat("a definition file of more than ", kMaxDefinitionBytes, " bytes"));
  }
  bytes.resize(count);
  return bytes;
}

std::string ConfigOf(const SifFile& sif, absl::string_view created, absl::string_view command,
                     const Digest& layer) {
  return absl::StrCat(
      R"({"created":")", created, R"(","architecture":")", sif.architecture,
      R"(","os":"linux","config":{"Cmd":[")", command,
      R"("]},"rootfs":{"type":"layers","diff_ids":[")", layer.ToString(),
      R"("]},"history":[{"created":")", created, R"(","created_by":"/bin/sh -c #(nop) ADD file:)",
      layer.hex(), R"( in /","comment":"imported from SIF, uuid: )", sif.id, R"("},{"created":")",
      created, R"(","created_by":"/bin/sh -c #(nop) CMD [\"bash\"]","empty_layer":true}]})");
}

std::string Json(absl::string_view media_type, const Digest& digest, int64_t size_bytes) {
  return absl::StrCat(R"({"mediaType":")", media_type, R"(","digest":")", digest.ToString(),
                      R"(","size":)", size_bytes, "}");
}

class SifSource : public ImageSource {
 public:
  SifSource(RandomFile file, SifFile sif, std::string script)
      : file_(std::move(file)), sif_(std::move(sif)), script_(std::move(script)) {}

  // Makes the layer once, and then what describes it.
  absl::Status Describe() {
    ASSIGN_OR_RETURN(came_as_bytes_, file_.SizeBytes());
    ASSIGN_OR_RETURN(const std::string created, CreatedText(sif_.modified_seconds));
    ASSIGN_OR_RETURN(const std::unique_ptr<ByteSource> layer, OpenLayer());
    Digester digester;
    int64_t size_bytes = 0;
    const auto buffer = std::make_unique_for_overwrite<char[]>(kCopyBufferBytes);
    while (true) {
      absl::StatusOr<absl::string_view> piece =
          layer->ReadPiece(absl::MakeSpan(buffer.get(), kCopyBufferBytes));
      RETURN_IF_ERROR(WithContext(piece.status(), kConverting));
      if (piece->empty()) {
        break;
      }
      digester.Update(*piece);
      size_bytes += static_cast<int64_t>(piece->size());
    }
    layer_digest_ = digester.Finish();
    const std::string command =
        script_.empty() ? "bash" : absl::StrCat("/", kScriptDirectory, "/", kScriptName);
    config_ = ConfigOf(sif_, created, command, *layer_digest_);
    config_digest_ = Digest::Sha256Of(config_);
    manifest_ =
        absl::StrCat(R"({"schemaVersion":2,"mediaType":")", kOciManifestType, R"(","config":)",
                     Json(kOciConfigType, *config_digest_, static_cast<int64_t>(config_.size())),
                     R"(,"layers":[)", Json(kOciLayerType, *layer_digest_, size_bytes), "]}");
    return absl::OkStatus();
  }

  std::optional<int64_t> CameAs() const override { return came_as_bytes_; }

  absl::StatusOr<RawManifest> ReadManifest(const std::optional<Digest>& instance) override {
    Digest digest = Digest::Sha256Of(manifest_);
    if (instance.has_value() && *instance != digest) {
      return MakeError(absl::StatusCode::kNotFound, "MANIFEST_UNKNOWN",
                       absl::StrCat("a SIF file has no manifest ", instance->ToString()));
    }
    return RawManifest{manifest_, std::move(digest), std::string(kOciManifestType)};
  }

  absl::StatusOr<std::unique_ptr<ByteSource>> OpenBlob(const Descriptor& blob) override {
    if (blob.digest == *config_digest_) {
      return std::make_unique<StringSource>(config_);
    }
    if (blob.digest == *layer_digest_) {
      return OpenLayer();
    }
    return MakeError(absl::StatusCode::kNotFound, "BLOB_UNKNOWN",
                     absl::StrCat("no blob with digest \"", blob.digest.ToString(), "\" found"));
  }

 private:
  absl::StatusOr<std::unique_ptr<ByteSource>> OpenLayer() const;

  const RandomFile file_;
  const SifFile sif_;
  const std::string script_;
  // Set by Describe.
  int64_t came_as_bytes_ = 0;
  std::optional<Digest> layer_digest_;
  std::string config_;
  std::optional<Digest> config_digest_;
  std::string manifest_;
};

absl::StatusOr<std::unique_ptr<ByteSource>> SifSource::OpenLayer() const {
  std::optional<SquashfsTarSource::Addition> addition;
  if (!script_.empty()) {
    // Skopeo's is of when it ran; this one makes the same layer whenever it is read.
    const int64_t time =
        std::clamp<int64_t>(sif_.modified_seconds, 0, std::numeric_limits<uint32_t>::max());
    addition = {std::string(kScriptDirectory), std::string(kScriptName), script_,
                static_cast<uint32_t>(time)};
  }
  absl::StatusOr<std::unique_ptr<ByteSource>> layer =
      SquashfsTarSource::Open(file_, sif_.root.offset, sif_.root.size_bytes, std::move(addition));
  if (sif_.is_root_encrypted && layer.status().message() == kNoSquashfs) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "INVALID_ARCHIVE",
                     absl::StrCat(kConverting, ": the partition is encrypted"));
  }
  RETURN_IF_ERROR(WithContext(layer.status(), kConverting));
  return layer;
}

// Refuses a partition that is not all there.
absl::Status CheckRoot(const RandomFile& file, const SifFile& sif) {
  ASSIGN_OR_RETURN(const int64_t size_bytes, file.SizeBytes());
  const auto& [offset, root_bytes] = sif.root;
  if (offset < 0 || root_bytes < 0 || offset > size_bytes || root_bytes > size_bytes - offset) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "INVALID_ARCHIVE",
                     absl::StrCat(kConverting, ": EOF"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<ImageSource>> OpenSifSource(
    const TransportContext& context, const broker::ImageLocation& /*location*/) {
  ASSIGN_OR_RETURN(UniqueFd fd, context.broker.OpenFile(broker::PLACE_SOURCE,
                                                        broker::FILE_KIND_ROOT, std::nullopt));
  RandomFile file(std::move(fd));
  ASSIGN_OR_RETURN(SifFile sif, ReadSifFile(file));
  ASSIGN_OR_RETURN(const std::string definition, ReadDefinition(file, sif));
  ASSIGN_OR_RETURN(std::string script, RunscriptOf(definition));
  RETURN_IF_ERROR(CheckRoot(file, sif));
  auto source = std::make_unique<SifSource>(std::move(file), std::move(sif), std::move(script));
  RETURN_IF_ERROR(source->Describe());
  return source;
}

}  // namespace holkas
