#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "proto/wire/digest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/transports/dir/dir.h"
#include "worker/transports/dir/dir_format.h"
#include "worker/transports/files/file_sink.h"

namespace holkas {
namespace {

class DirDestination : public ImageDestination {
 public:
  explicit DirDestination(Broker& broker) : broker_(broker) {}

  bool AcceptsManifestType(absl::string_view /*media_type*/) const override { return true; }

  absl::StatusOr<Reuse> ReuseBlob(const Descriptor& blob) override {
    ASSIGN_OR_RETURN(bool present, broker_.HasBlob(blob.digest, blob.size_bytes));
    return present ? Reuse::kPresent : Reuse::kAbsent;
  }

  absl::StatusOr<std::unique_ptr<ByteSink>> CreateBlob(const Descriptor& blob) override {
    return FileSink::Create(broker_, broker::FILE_KIND_BLOB, blob.size_bytes);
  }

  absl::Status WriteManifest(const Manifest& manifest, bool is_top) override {
    if (is_top) {
      return WriteWholeFile(broker_, broker::FILE_KIND_ROOT, manifest.bytes(),
                            Digest::Sha256Of(manifest.bytes()));
    }
    RETURN_IF_ERROR(CheckDirMember(manifest));
    return WriteWholeFile(broker_, broker::FILE_KIND_MANIFEST, manifest.bytes(), manifest.digest());
  }

  absl::Status Publish(const Manifest& /*top*/) override {
    return WithContext(broker_.Publish(/*file_id=*/0), "replace directory");
  }

 private:
  Broker& broker_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ImageDestination>> OpenDirDestination(
    const TransportContext& context, const broker::ImageLocation& /*location*/) {
  return std::make_unique<DirDestination>(context.broker);
}

}  // namespace holkas
