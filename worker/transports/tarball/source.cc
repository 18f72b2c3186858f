#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "proto/wire/digester.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/unique_fd.h"
#include "worker/blob/compression.h"
#include "worker/blob/copy_bytes.h"
#include "worker/blob/decompressing_source.h"
#include "worker/blob/string_source.h"
#include "worker/image/media_types.h"
#include "worker/transports/files/file_source.h"
#include "worker/transports/tarball/tarball.h"

namespace holkas {
namespace {

// What is known of a file after it was read.
struct Layer {
  Descriptor descriptor;
  Digest diff_id;
  absl::Time modified;
};

// The bytes of another source, whose digest and number are kept elsewhere.
class DigestingSource : public ByteSource {
 public:
  DigestingSource(std::unique_ptr<ByteSource> source, Digester& digester, int64_t& size_bytes)
      : source_(std::move(source)), digester_(digester), size_bytes_(size_bytes) {}

  absl::StatusOr<size_t> Read(absl::Span<char> buffer) override {
    ASSIGN_OR_RETURN(const size_t count, source_->Read(buffer));
    digester_.Update({buffer.data(), count});
    size_bytes_ += static_cast<int64_t>(count);
    return count;
  }

 private:
  const std::unique_ptr<ByteSource> source_;
  Digester& digester_;
  int64_t& size_bytes_;
};

absl::StatusOr<absl::Time> ModifiedAt(const UniqueFd& file) {
  struct stat status = {};
  if (fstat(file.get(), &status) != 0) {
    return ErrnoError(errno, "stat file");
  }
  const absl::Time time = absl::TimeFromTimespec(status.st_mtim);
  // What RFC 3339 can write.
  if (time < absl::FromCivil(absl::CivilSecond(0), absl::UTCTimeZone()) ||
      time >= absl::FromCivil(absl::CivilSecond(10000), absl::UTCTimeZone())) {
    return absl::FailedPreconditionError("the file changed in a year beyond 9999");
  }
  return time;
}

// Reads `source` to its end.
absl::StatusOr<Digest> DigestOf(ByteSource& source) {
  Digester digester;
  const auto buffer = std::make_unique_for_overwrite<char[]>(kCopyBufferBytes);
  while (true) {
    ASSIGN_OR_RETURN(const size_t count,
                     source.Read(absl::MakeSpan(buffer.get(), kCopyBufferBytes)));
    if (count == 0) {
      return digester.Finish();
    }
    digester.Update({buffer.get(), count});
  }
}

absl::StatusOr<Layer> ReadLayer(Broker& broker, uint32_t index) {
  ASSIGN_OR_RETURN(UniqueFd file, broker.OpenNumberedFile(index));
  ASSIGN_OR_RETURN(const absl::Time modified, ModifiedAt(file));
  Digester digester;
  int64_t size_bytes = 0;
  ASSIGN_OR_RETURN(DetectedSource detected,
                   DetectCompression(std::make_unique<DigestingSource>(
                       std::make_unique<FileSource>(std::move(file)), digester, size_bytes)));
  const bool gzip = detected.compression == Compression::kGzip;
  if (gzip) {
    ASSIGN_OR_RETURN(detected.source,
                     DecompressingSource::New(std::move(detected.source), Compression::kGzip));
  }
  ASSIGN_OR_RETURN(Digest diff_id, DigestOf(*detected.source));
  return Layer{{std::string(gzip ? kOciLayerGzipType : kOciLayerType),
                digester.Finish(),
                size_bytes,
                {},
                {}},
               std::move(diff_id),
               modified};
}

// As Go's RFC3339Nano.
std::string TimeText(absl::Time time) {
  return absl::FormatTime("%E4Y-%m-%dT%H:%M:%E*SZ", time, absl::UTCTimeZone());
}

std::string ConfigOf(const std::vector<Layer>& layers, absl::string_view architecture) {
  absl::Time created = layers.front().modified;
  std::vector<std::string> diff_ids;
  std::vector<std::string> history;
  for (const Layer& layer : layers) {
    created = std::max(created, layer.modified);
    diff_ids.push_back(absl::StrCat("\"", layer.diff_id.ToString(), "\""));
    history.push_back(absl::StrCat(R"({"created":")", TimeText(layer.modified),
                                   R"(","created_by":"/bin/sh -c #(nop) ADD file:)",
                                   layer.diff_id.hex(),
                                   R"( in /","comment":"imported from tarball"})"));
  }
  return absl::StrCat(R"({"created":")", TimeText(created), R"(","architecture":")", architecture,
                      R"(","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[)",
                      absl::StrJoin(diff_ids, ","), R"(]},"history":[)",
                      absl::StrJoin(history, ","), "]}");
}

std::string Json(const Descriptor& descriptor) {
  return absl::StrCat(R"({"mediaType":")", descriptor.media_type, R"(","digest":")",
                      descriptor.digest.ToString(), R"(","size":)", descriptor.size_bytes, "}");
}

std::string ManifestOf(const Descriptor& config, const std::vector<Layer>& layers) {
  return absl::StrCat(
      R"({"schemaVersion":2,"config":)", Json(config), R"(,"layers":[)",
      absl::StrJoin(layers, ",",
                    [](std::string* out, const Layer& layer) { *out += Json(layer.descriptor); }),
      "]}");
}

class TarballSource : public ImageSource {
 public:
  TarballSource(Broker& broker, std::vector<Layer> layers, absl::string_view architecture)
      : broker_(broker),
        layers_(std::move(layers)),
        config_(ConfigOf(layers_, architecture)),
        config_digest_(Digest::Sha256Of(config_)),
        manifest_(ManifestOf({std::string(kOciConfigType),
                              config_digest_,
                              static_cast<int64_t>(config_.size()),
                              {},
                              {}},
                             layers_)) {}

  absl::StatusOr<RawManifest> ReadManifest(const std::optional<Digest>& instance) override {
    Digest digest = Digest::Sha256Of(manifest_);
    if (instance.has_value() && *instance != digest) {
      return MakeError(absl::StatusCode::kNotFound, "MANIFEST_UNKNOWN",
                       absl::StrCat("a tarball has no manifest ", instance->ToString()));
    }
    return RawManifest{manifest_, std::move(digest), std::string(kOciManifestType)};
  }

  absl::StatusOr<std::unique_ptr<ByteSource>> OpenBlob(const Descriptor& blob) override {
    if (blob.digest == config_digest_) {
      return std::make_unique<StringSource>(config_);
    }
    for (uint32_t i = 0; i < layers_.size(); ++i) {
      if (layers_[i].descriptor.digest == blob.digest) {
        ASSIGN_OR_RETURN(UniqueFd file, broker_.OpenNumberedFile(i));
        return std::make_unique<FileSource>(std::move(file));
      }
    }
    return MakeError(absl::StatusCode::kNotFound, "BLOB_UNKNOWN",
                     absl::StrCat("a tarball has no blob ", blob.digest.ToString()));
  }

 private:
  Broker& broker_;
  const std::vector<Layer> layers_;
  const std::string config_;
  const Digest config_digest_;
  const std::string manifest_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ImageSource>> OpenTarballSource(
    const TransportContext& context, const broker::ImageLocation& location) {
  const broker::TarballImage& image = location.tarball();
  if (image.file_count() == 0) {
    return absl::InvalidArgumentError("a tarball without files");
  }
  std::vector<Layer> layers;
  for (uint32_t i = 0; i < image.file_count(); ++i) {
    ASSIGN_OR_RETURN(Layer layer, ReadLayer(context.broker, i));
    layers.push_back(std::move(layer));
  }
  return std::make_unique<TarballSource>(context.broker, std::move(layers), image.architecture());
}

}  // namespace holkas
