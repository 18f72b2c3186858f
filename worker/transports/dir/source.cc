#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/manifest_digest.h"
#include "proto/wire/status_macros.h"
#include "worker/transports/dir/dir.h"
#include "worker/transports/files/file_source.h"
#include "worker/transports/files/manifest_file.h"

namespace holkas {
namespace {

// `version` is a line; a longer file is none of this format.
constexpr int64_t kMaxVersionBytes = 256;
// 1.2 is for digests of other algorithms than SHA-256.
constexpr absl::string_view kKnownVersions[] = {
    "Directory Transport Version: 1.0\n",
    "Directory Transport Version: 1.1\n",
    "Directory Transport Version: 1.2\n",
};

class DirSource : public ImageSource {
 public:
  explicit DirSource(Broker& broker) : broker_(broker) {}

  absl::StatusOr<RawManifest> ReadManifest(const std::optional<Digest>& instance) override {
    if (instance.has_value()) {
      return ReadManifestFile(broker_, broker::PLACE_SOURCE, *instance, /*media_type=*/"");
    }
    absl::StatusOr<std::string> bytes =
        ReadWholeFile(broker_, broker::PLACE_SOURCE, broker::FILE_KIND_ROOT, std::nullopt,
                      kMaxManifestBytes, "manifest.json");
    if (bytes.status().code() == absl::StatusCode::kNotFound) {
      return MakeError(absl::StatusCode::kNotFound, "REPOSITORY_UNKNOWN",
                       "open manifest.json: no such file or directory");
    }
    RETURN_IF_ERROR(bytes.status());
    // Signatures that say no payload are for Manifest::Parse to refuse.
    const absl::StatusOr<Digest> signed_digest = ManifestDigest(*bytes);
    Digest digest = signed_digest.ok() ? *signed_digest : Digest::Sha256Of(*bytes);
    return RawManifest{*std::move(bytes), std::move(digest), /*media_type=*/""};
  }

  absl::StatusOr<std::unique_ptr<ByteSource>> OpenBlob(const Descriptor& blob) override {
    return OpenBlobFile(broker_, broker::PLACE_SOURCE, blob);
  }

 private:
  Broker& broker_;
};

// A directory without `version` is one of an old tool.
absl::Status CheckVersion(Broker& broker) {
  absl::StatusOr<std::string> text =
      ReadWholeFile(broker, broker::PLACE_SOURCE, broker::FILE_KIND_VERSION, std::nullopt,
                    kMaxVersionBytes, "version");
  if (text.status().code() == absl::StatusCode::kNotFound) {
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(text.status());
  for (absl::string_view known : kKnownVersions) {
    if (*text == known) {
      return absl::OkStatus();
    }
  }
  return MakeError(absl::StatusCode::kUnimplemented, "MEDIA_TYPE_UNSUPPORTED",
                   absl::StrCat("read version: unsupported directory transport version \"",
                                absl::CHexEscape(*text), "\""));
}

}  // namespace

absl::StatusOr<std::unique_ptr<ImageSource>> OpenDirSource(
    const TransportContext& context, const broker::ImageLocation& /*location*/) {
  RETURN_IF_ERROR(CheckVersion(context.broker));
  return std::make_unique<DirSource>(context.broker);
}

}  // namespace holkas
