#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/archive/archive_file.h"
#include "worker/archive/tar_writer.h"
#include "worker/transports/dir/dir_format.h"
#include "worker/transports/dir_archive/dir_archive.h"

namespace holkas {
namespace {

class DirArchiveDestination : public ImageDestination {
 public:
  explicit DirArchiveDestination(std::unique_ptr<ArchiveFile> file) : file_(std::move(file)) {}

  bool AcceptsManifestType(absl::string_view /*media_type*/) const override { return true; }

  void ExpectBlob(const Descriptor& blob) override { file_->Expect(blob, DirBlobName); }

  absl::Status EndBlob(const Descriptor& blob) override { return file_->End(blob.digest); }

  absl::StatusOr<Reuse> ReuseBlob(const Descriptor& blob) override {
    return file_->Has(blob.digest) ? Reuse::kPresent : Reuse::kAbsent;
  }

  absl::StatusOr<std::unique_ptr<ByteSink>> CreateBlob(const Descriptor& blob) override {
    Note(blob.digest);
    return file_->Write(blob, DirBlobName);
  }

  void Cancel() override { file_->Cancel(); }

  absl::Status WriteManifest(const Manifest& manifest, bool is_top) override {
    if (is_top) {
      ASSIGN_OR_RETURN(TarWriter * writer, file_->EndBlobs());
      return writer->AddFile(kDirTopName, manifest.bytes());
    }
    RETURN_IF_ERROR(CheckDirMember(manifest));
    Note(manifest.digest());
    if (!members_.insert(manifest.digest()).second) {
      return absl::OkStatus();
    }
    const Descriptor descriptor = manifest.ToDescriptor();
    ASSIGN_OR_RETURN(std::unique_ptr<ByteSink> sink, file_->Write(descriptor, DirManifestName));
    RETURN_IF_ERROR(sink->Append(manifest.bytes()));
    return sink->Finish(descriptor.digest, descriptor.size_bytes);
  }

  absl::Status Publish(const Manifest& /*top*/) override {
    ASSIGN_OR_RETURN(TarWriter * writer, file_->EndBlobs());
    RETURN_IF_ERROR(writer->AddFile(kDirVersionName, DirVersionText(other_algorithms_)));
    return WithContext(file_->Publish(), "write archive");
  }

 private:
  void Note(const Digest& digest) {
    if (digest.algorithm() != "sha256") {
      other_algorithms_ = true;
    }
  }

  const std::unique_ptr<ArchiveFile> file_;
  std::atomic<bool> other_algorithms_ = false;
  // Manifests of an index that are written.
  std::set<Digest> members_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ImageDestination>> OpenDirArchiveDestination(
    const TransportContext& context, const broker::ImageLocation& /*location*/) {
  ASSIGN_OR_RETURN(std::unique_ptr<ArchiveFile> file, ArchiveFile::Create(context.broker));
  return std::make_unique<DirArchiveDestination>(std::move(file));
}

}  // namespace holkas
