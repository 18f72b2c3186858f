#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/archive/archive.h"
#include "worker/archive/archive_members.h"
#include "worker/transports/files/archived_blob.h"
#include "worker/transports/oci/layout_index.h"
#include "worker/transports/oci_archive/oci_archive.h"

namespace holkas {
namespace {

std::string BlobName(const Digest& digest) {
  return absl::StrCat("blobs/", digest.algorithm(), "/", digest.hex());
}

class OciArchiveSource : public ImageSource {
 public:
  OciArchiveSource(std::unique_ptr<ArchiveMembers> archive, Descriptor top)
      : archive_(std::move(archive)), top_(std::move(top)) {}

  absl::StatusOr<RawManifest> ReadManifest(const std::optional<Digest>& instance) override {
    const Digest& digest = instance.has_value() ? *instance : top_.digest;
    absl::StatusOr<RawManifest> manifest = ReadArchivedManifest(
        *archive_, BlobName(digest), digest, digest == top_.digest ? top_.media_type : "");
    RETURN_IF_ERROR(manifest.status());
    const int64_t size_bytes = static_cast<int64_t>(manifest->bytes.size());
    if (digest == top_.digest && size_bytes != top_.size_bytes) {
      return MakeError(absl::StatusCode::kDataLoss, "CONTENT_MISMATCH",
                       absl::StrCat("read manifest ", digest.ToString(), ": got ", size_bytes,
                                    " bytes, want ", top_.size_bytes));
    }
    return manifest;
  }

  absl::StatusOr<std::unique_ptr<ByteSource>> OpenBlob(const Descriptor& blob) override {
    return OpenArchivedBlob(*archive_, BlobName(blob.digest), blob);
  }

  std::optional<int64_t> CameAs() const override { return archive_->came_as_bytes(); }

 private:
  const std::unique_ptr<ArchiveMembers> archive_;
  // What the reference stands for.
  const Descriptor top_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ImageSource>> NewOciArchiveSource(
    std::unique_ptr<ArchiveMembers> archive, const broker::OciArchiveImage& image) {
  absl::StatusOr<std::string> text = archive->Read("index.json", kMaxLayoutIndexBytes);
  if (absl::IsNotFound(text.status())) {
    return MakeError(absl::StatusCode::kNotFound, "REPOSITORY_UNKNOWN",
                     "open index.json: no such file or directory");
  }
  RETURN_IF_ERROR(text.status());
  ASSIGN_OR_RETURN(const LayoutIndex index, LayoutIndex::Parse(*text));
  broker::OciImage chosen;
  chosen.set_reference(image.reference());
  chosen.set_index(image.index());
  chosen.set_has_index(image.has_index());
  ASSIGN_OR_RETURN(Descriptor top, index.Choose(chosen));
  return std::make_unique<OciArchiveSource>(std::move(archive), std::move(top));
}

absl::StatusOr<std::unique_ptr<ImageSource>> OpenOciArchiveSource(
    const TransportContext& context, const broker::ImageLocation& location) {
  ASSIGN_OR_RETURN(std::unique_ptr<Archive> archive, Archive::OpenSource(context.broker));
  return NewOciArchiveSource(std::move(archive), location.oci_archive());
}

}  // namespace holkas
