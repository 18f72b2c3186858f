#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/transports/dir/dir.h"
#include "worker/transports/dir/dir_format.h"
#include "worker/transports/files/file_source.h"
#include "worker/transports/files/manifest_file.h"

namespace holkas {
namespace {

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
    return TopOfDir(*std::move(bytes));
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
                    kMaxDirVersionBytes, "version");
  if (text.status().code() == absl::StatusCode::kNotFound) {
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(text.status());
  return CheckDirVersion(*text);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ImageSource>> OpenDirSource(
    const TransportContext& context, const broker::ImageLocation& /*location*/) {
  RETURN_IF_ERROR(CheckVersion(context.broker));
  return std::make_unique<DirSource>(context.broker);
}

}  // namespace holkas
