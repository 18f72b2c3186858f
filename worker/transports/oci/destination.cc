#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/image/media_types.h"
#include "worker/transports/files/file_sink.h"
#include "worker/transports/oci/change_index.h"
#include "worker/transports/oci/layout_index.h"
#include "worker/transports/oci/oci.h"

namespace holkas {
namespace {

class OciDestination : public ImageDestination {
 public:
  OciDestination(Broker& broker, std::string name) : broker_(broker), name_(std::move(name)) {}

  LayerForm wanted_layer_form() const override { return LayerForm::kCompressed; }

  bool AcceptsManifestType(absl::string_view media_type) const override {
    return media_type == kOciManifestType || media_type == kOciIndexType;
  }

  absl::StatusOr<Reuse> ReuseBlob(const Descriptor& blob) override {
    ASSIGN_OR_RETURN(bool present, broker_.HasBlob(blob.digest, blob.size_bytes));
    return present ? Reuse::kPresent : Reuse::kAbsent;
  }

  absl::StatusOr<std::unique_ptr<ByteSink>> CreateBlob(const Descriptor& blob) override {
    return FileSink::Create(broker_, broker::FILE_KIND_BLOB, blob.size_bytes);
  }

  absl::Status WriteManifest(const Manifest& manifest, bool /*is_top*/) override {
    return WriteWholeFile(broker_, broker::FILE_KIND_MANIFEST, manifest.bytes(), manifest.digest());
  }

  absl::Status Publish(const Manifest& top) override {
    return WithContext(ChangeIndex(broker_,
                                   [&](LayoutIndex& index) {
                                     index.Add(top.ToDescriptor(), name_);
                                     return absl::OkStatus();
                                   }),
                       "write index.json");
  }

 private:
  Broker& broker_;
  // The name to give; empty for none.
  const std::string name_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ImageDestination>> OpenOciDestination(
    const TransportContext& context, const broker::ImageLocation& location) {
  if (location.oci().has_index()) {
    return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_REFERENCE",
                     absl::StrCat("Destination reference must not contain a manifest index @",
                                  location.oci().index()));
  }
  return std::make_unique<OciDestination>(context.broker, location.oci().reference());
}

}  // namespace holkas
