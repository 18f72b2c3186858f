#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/archive/archive.h"
#include "worker/transports/dir/dir_format.h"
#include "worker/transports/dir_archive/dir_archive.h"
#include "worker/transports/files/archived_blob.h"

namespace holkas {
namespace {

class DirArchiveSource : public ImageSource {
 public:
  explicit DirArchiveSource(std::unique_ptr<ArchiveMembers> archive)
      : archive_(std::move(archive)) {}

  absl::StatusOr<RawManifest> ReadManifest(const std::optional<Digest>& instance) override {
    if (instance.has_value()) {
      return ReadArchivedManifest(*archive_, DirManifestName(*instance), *instance,
                                  /*media_type=*/"");
    }
    absl::StatusOr<std::string> bytes = archive_->Read(kDirTopName, kMaxManifestBytes);
    if (absl::IsNotFound(bytes.status())) {
      return MakeError(absl::StatusCode::kNotFound, "REPOSITORY_UNKNOWN",
                       "open manifest.json: no such file or directory");
    }
    RETURN_IF_ERROR(bytes.status());
    return TopOfDir(*std::move(bytes));
  }

  absl::StatusOr<std::unique_ptr<ByteSource>> OpenBlob(const Descriptor& blob) override {
    return OpenArchivedBlob(*archive_, DirBlobName(blob.digest), blob);
  }

  std::optional<int64_t> CameAs() const override { return archive_->came_as_bytes(); }

 private:
  const std::unique_ptr<ArchiveMembers> archive_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ImageSource>> NewDirArchiveSource(
    std::unique_ptr<ArchiveMembers> archive) {
  const absl::StatusOr<std::string> version = archive->Read(kDirVersionName, kMaxDirVersionBytes);
  if (!absl::IsNotFound(version.status())) {
    RETURN_IF_ERROR(version.status());
    RETURN_IF_ERROR(CheckDirVersion(*version));
  }
  return std::make_unique<DirArchiveSource>(std::move(archive));
}

absl::StatusOr<std::unique_ptr<ImageSource>> OpenDirArchiveSource(
    const TransportContext& context, const broker::ImageLocation& /*location*/) {
  ASSIGN_OR_RETURN(std::unique_ptr<Archive> archive, Archive::OpenSource(context.broker));
  return NewDirArchiveSource(std::move(archive));
}

}  // namespace holkas
