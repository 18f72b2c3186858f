#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/transports/oci/blob_references.h"
#include "worker/transports/oci/change_index.h"
#include "worker/transports/oci/layout_index.h"
#include "worker/transports/oci/oci.h"
#include "worker/transports/oci/read_index.h"

namespace holkas {
namespace {

// The name under which a layout has an image's signatures, as registries have it for a tag.
std::string SignatureName(const Digest& digest) {
  return absl::StrCat(digest.algorithm(), "-", digest.hex(), ".sig");
}

class OciDeletion {
 public:
  OciDeletion(Broker& broker, const broker::OciImage& image)
      : broker_(broker), image_(image), references_(broker) {}

  // All that takes long, before anybody has to wait for the layout's lock.
  absl::Status Prepare() {
    ASSIGN_OR_RETURN(const LayoutIndex index, ReadIndex(broker_, broker::PLACE_DESTINATION));
    ASSIGN_OR_RETURN(LayoutIndex::Found found, index.Find(image_));
    chosen_ = std::move(found.manifest.digest);
    ASSIGN_OR_RETURN(const std::vector<Descriptor> entries, index.Entries());
    return references_.Read(entries);
  }

  // Takes the image out of the list, and has holkasd remove what nothing in it needs any more.
  absl::Status Remove(LayoutIndex& index) {
    ASSIGN_OR_RETURN(const LayoutIndex::Found found, index.Find(image_));
    RETURN_IF_ERROR(CheckIsChosen(found.manifest.digest));
    ASSIGN_OR_RETURN(const std::vector<Descriptor> before, index.Entries());
    index.Remove(found.position);
    RETURN_IF_ERROR(RemoveSignatures(index, found.manifest.digest));
    ASSIGN_OR_RETURN(const std::vector<Descriptor> after, index.Entries());
    // What came since Prepare.
    RETURN_IF_ERROR(references_.Read(before));
    deleted_ = found.manifest.digest;
    return broker_.RemoveBlobs(references_.OnlyOf(before, after));
  }

  // After Remove.
  const Digest& deleted() const { return *deleted_; }

 private:
  // A name is what it stands for in the end; a position is what the caller saw there.
  absl::Status CheckIsChosen(const Digest& digest) const {
    if (!image_.reference().empty() || !chosen_.has_value() || digest == *chosen_) {
      return absl::OkStatus();
    }
    return MakeError(absl::StatusCode::kFailedPrecondition, "DESTINATION_CONFLICT",
                     absl::StrCat("somebody else changed the layout: instead of ",
                                  chosen_->ToString(), ", ", digest.ToString(), " is there"));
  }

  // As Skopeo does; but what another entry stands for keeps its signatures.
  absl::Status RemoveSignatures(LayoutIndex& index, const Digest& digest) const {
    ASSIGN_OR_RETURN(const std::vector<Descriptor> entries, index.Entries());
    for (const Descriptor& entry : entries) {
      if (entry.digest == digest) {
        return absl::OkStatus();
      }
    }
    broker::OciImage signatures;
    signatures.set_reference(SignatureName(digest));
    const absl::StatusOr<LayoutIndex::Found> found = index.Find(signatures);
    if (!found.ok()) {
      return absl::IsNotFound(found.status()) ? absl::OkStatus() : found.status();
    }
    index.Remove(found->position);
    return absl::OkStatus();
  }

  Broker& broker_;
  const broker::OciImage& image_;
  BlobReferences references_;
  // What the image was at first, where the list could be read.
  std::optional<Digest> chosen_;
  std::optional<Digest> deleted_;
};

}  // namespace

absl::StatusOr<Digest> DeleteOciImage(const TransportContext& context,
                                      const broker::ImageLocation& location, bool only_tag) {
  if (only_tag) {
    return MakeError(absl::StatusCode::kUnimplemented, "TRANSPORT_UNIMPLEMENTED",
                     "Deleting tags alone not implemented for oci: images");
  }
  OciDeletion deletion(context.broker, location.oci());
  // A list that is just being written by a tool that writes it in place is read again under the
  // lock.
  const absl::Status prepared = deletion.Prepare();
  if (!prepared.ok() && ErrorReason(prepared) != "INVALID_MANIFEST") {
    return prepared;
  }
  RETURN_IF_ERROR(ChangeIndex(context.broker,
                              [&deletion](LayoutIndex& index) { return deletion.Remove(index); }));
  return deletion.deleted();
}

}  // namespace holkas
