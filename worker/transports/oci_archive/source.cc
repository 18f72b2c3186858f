#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/digester.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/archive/archive.h"
#include "worker/transports/oci/layout_index.h"
#include "worker/transports/oci_archive/oci_archive.h"

namespace holkas {
namespace {

std::string BlobName(const Digest& digest) {
  return absl::StrCat("blobs/", digest.algorithm(), "/", digest.hex());
}

class OciArchiveSource : public ImageSource {
 public:
  OciArchiveSource(std::unique_ptr<Archive> archive, Descriptor top)
      : archive_(std::move(archive)), top_(std::move(top)) {}

  absl::StatusOr<RawManifest> ReadManifest(const std::optional<Digest>& instance) override {
    const Digest& digest = instance.has_value() ? *instance : top_.digest;
    const std::string what = absl::StrCat("manifest ", digest.ToString());
    absl::StatusOr<std::string> bytes = archive_->Read(BlobName(digest), kMaxManifestBytes);
    if (absl::IsNotFound(bytes.status())) {
      return MakeError(absl::StatusCode::kNotFound, "MANIFEST_UNKNOWN",
                       absl::StrCat("open ", what, ": no such file"));
    }
    RETURN_IF_ERROR(WithContext(bytes.status(), what));
    Digester digester(digest.algorithm());
    digester.Update(*bytes);
    const Digest found = digester.Finish();
    if (found != digest) {
      return MakeError(absl::StatusCode::kDataLoss, "CONTENT_MISMATCH",
                       absl::StrCat("read ", what, ": the content is ", found.ToString()));
    }
    if (digest != top_.digest) {
      return RawManifest{*std::move(bytes), digest, /*media_type=*/""};
    }
    if (static_cast<int64_t>(bytes->size()) != top_.size_bytes) {
      return MakeError(
          absl::StatusCode::kDataLoss, "CONTENT_MISMATCH",
          absl::StrCat("read ", what, ": got ", bytes->size(), " bytes, want ", top_.size_bytes));
    }
    return RawManifest{*std::move(bytes), digest, top_.media_type};
  }

  absl::StatusOr<std::unique_ptr<ByteSource>> OpenBlob(const Descriptor& blob) override {
    const std::string what = absl::StrCat("blob ", blob.digest.ToString());
    absl::StatusOr<TarMember> member = archive_->Find(BlobName(blob.digest));
    if (absl::IsNotFound(member.status())) {
      return MakeError(absl::StatusCode::kNotFound, "BLOB_UNKNOWN",
                       absl::StrCat("open ", what, ": no such file"));
    }
    RETURN_IF_ERROR(WithContext(member.status(), absl::StrCat("open ", what)));
    if (member->size_bytes != blob.size_bytes) {
      return MakeError(absl::StatusCode::kDataLoss, "CONTENT_MISMATCH",
                       absl::StrCat("read ", what, ": got ", member->size_bytes, " bytes, want ",
                                    blob.size_bytes));
    }
    return archive_->OpenMember(*member);
  }

 private:
  const std::unique_ptr<Archive> archive_;
  // What the reference stands for.
  const Descriptor top_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ImageSource>> OpenOciArchiveSource(
    const TransportContext& context, const broker::ImageLocation& location) {
  ASSIGN_OR_RETURN(std::unique_ptr<Archive> archive, Archive::OpenSource(context.broker));
  absl::StatusOr<std::string> text = archive->Read("index.json", kMaxLayoutIndexBytes);
  if (absl::IsNotFound(text.status())) {
    return MakeError(absl::StatusCode::kNotFound, "REPOSITORY_UNKNOWN",
                     "open index.json: no such file or directory");
  }
  RETURN_IF_ERROR(text.status());
  ASSIGN_OR_RETURN(const LayoutIndex index, LayoutIndex::Parse(*text));
  broker::OciImage image;
  image.set_reference(location.oci_archive().reference());
  ASSIGN_OR_RETURN(Descriptor top, index.Choose(image));
  return std::make_unique<OciArchiveSource>(std::move(archive), std::move(top));
}

}  // namespace holkas
