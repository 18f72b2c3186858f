#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/transports/files/file_source.h"
#include "worker/transports/files/manifest_file.h"
#include "worker/transports/oci/layout_index.h"
#include "worker/transports/oci/oci.h"
#include "worker/transports/oci/read_index.h"

namespace holkas {
namespace {

class OciSource : public ImageSource {
 public:
  OciSource(Broker& broker, Descriptor top) : broker_(broker), top_(std::move(top)) {}

  absl::StatusOr<RawManifest> ReadManifest(const std::optional<Digest>& instance) override {
    if (instance.has_value() && *instance != top_.digest) {
      return ReadManifestFile(broker_, broker::PLACE_SOURCE, *instance, /*media_type=*/"");
    }
    ASSIGN_OR_RETURN(RawManifest manifest,
                     ReadManifestFile(broker_, broker::PLACE_SOURCE, top_.digest, top_.media_type));
    if (static_cast<int64_t>(manifest.bytes.size()) != top_.size_bytes) {
      return MakeError(absl::StatusCode::kDataLoss, "CONTENT_MISMATCH",
                       absl::StrCat("read manifest ", top_.digest.ToString(), ": got ",
                                    manifest.bytes.size(), " bytes, want ", top_.size_bytes));
    }
    return manifest;
  }

  absl::StatusOr<std::unique_ptr<ByteSource>> OpenBlob(const Descriptor& blob) override {
    return OpenBlobFile(broker_, broker::PLACE_SOURCE, blob);
  }

 private:
  Broker& broker_;
  // What the reference stands for.
  const Descriptor top_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ImageSource>> OpenOciSource(const TransportContext& context,
                                                           const broker::ImageLocation& location) {
  ASSIGN_OR_RETURN(LayoutIndex index, ReadIndex(context.broker, broker::PLACE_SOURCE));
  ASSIGN_OR_RETURN(Descriptor top, index.Choose(location.oci()));
  return std::make_unique<OciSource>(context.broker, std::move(top));
}

}  // namespace holkas
