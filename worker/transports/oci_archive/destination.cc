#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/archive/archive_file.h"
#include "worker/archive/tar_writer.h"
#include "worker/image/media_types.h"
#include "worker/transports/oci/layout_index.h"
#include "worker/transports/oci_archive/oci_archive.h"

namespace holkas {
namespace {

constexpr absl::string_view kLayoutText = R"({"imageLayoutVersion": "1.0.0"})";

std::string BlobName(const Digest& digest) {
  return absl::StrCat("blobs/", digest.algorithm(), "/", digest.hex());
}

class OciArchiveDestination : public ImageDestination {
 public:
  OciArchiveDestination(std::unique_ptr<ArchiveFile> file, std::string name)
      : file_(std::move(file)), name_(std::move(name)) {}

  LayerForm wanted_layer_form() const override { return LayerForm::kCompressed; }

  bool AcceptsManifestType(absl::string_view media_type) const override {
    return media_type == kOciManifestType || media_type == kOciIndexType;
  }

  void ExpectBlob(const Descriptor& blob) override { file_->Expect(blob, BlobName); }

  absl::Status EndBlob(const Descriptor& blob) override { return file_->End(blob.digest); }

  absl::StatusOr<Reuse> ReuseBlob(const Descriptor& blob) override {
    return file_->Has(blob.digest) ? Reuse::kPresent : Reuse::kAbsent;
  }

  absl::StatusOr<std::unique_ptr<ByteSink>> CreateBlob(const Descriptor& blob) override {
    return file_->Write(blob, BlobName);
  }

  void Cancel() override { file_->Cancel(); }

  absl::Status WriteManifest(const Manifest& manifest, bool /*is_top*/) override {
    if (file_->Has(manifest.digest())) {
      return absl::OkStatus();
    }
    const Descriptor descriptor = manifest.ToDescriptor();
    ASSIGN_OR_RETURN(std::unique_ptr<ByteSink> sink, file_->Write(descriptor, BlobName));
    RETURN_IF_ERROR(sink->Append(manifest.bytes()));
    return sink->Finish(descriptor.digest, descriptor.size_bytes);
  }

  absl::Status Publish(const Manifest& top) override {
    LayoutIndex index;
    index.Add(top.ToDescriptor(), name_);
    ASSIGN_OR_RETURN(TarWriter * writer, file_->EndBlobs());
    RETURN_IF_ERROR(writer->AddFile("oci-layout", kLayoutText));
    RETURN_IF_ERROR(writer->AddFile("index.json", index.Write()));
    return WithContext(file_->Publish(), "replace archive");
  }

 private:
  const std::unique_ptr<ArchiveFile> file_;
  // The name to give; empty for none.
  const std::string name_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ImageDestination>> OpenOciArchiveDestination(
    const TransportContext& context, const broker::ImageLocation& location) {
  ASSIGN_OR_RETURN(std::unique_ptr<ArchiveFile> file, ArchiveFile::Create(context.broker));
  return std::make_unique<OciArchiveDestination>(std::move(file),
                                                 location.oci_archive().reference());
}

}  // namespace holkas
