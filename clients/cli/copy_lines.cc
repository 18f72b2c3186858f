#include "clients/cli/copy_lines.h"

#include "absl/strings/str_cat.h"

namespace holkas {

using holkas::v1::BlobKind;
using holkas::v1::CopyResponse;
using holkas::v1::ImageStarted;
using holkas::v1::ManifestStarted;

std::vector<std::string> CopyLines::Lines(const CopyResponse& event) {
  switch (event.event_case()) {
    case CopyResponse::kImageStarted:
      return ImageLines(event.image_started());
    case CopyResponse::kBlobStarted:
      started_.insert(event.blob_started().digest());
      return BlobLine(event.blob_started().digest(), event.blob_started().kind());
    case CopyResponse::kBlobFinished:
      // A blob that was there already may finish without having started.
      if (started_.erase(event.blob_finished().digest()) > 0) {
        return {};
      }
      return BlobLine(event.blob_finished().digest(), event.blob_finished().kind());
    case CopyResponse::kManifestStarted:
      return ManifestLines(event.manifest_started());
    default:
      return {};
  }
}

std::vector<std::string> CopyLines::ImageLines(const ImageStarted& image) {
  std::vector<std::string> lines;
  bool in_index = options_.whole_index && image.listed() > 0;
  if (in_index && !began_) {
    if (!options_.remove_signatures) {
      lines.push_back("Getting image list signatures");
    }
    lines.push_back(
        absl::StrCat("Copying ", image.total(), " of ", image.listed(), " images in list"));
  }
  began_ = true;
  if (in_index) {
    lines.push_back(absl::StrCat("Copying image ", image.digest(), " (", image.number(), "/",
                                 image.total(), ")"));
  }
  if (!options_.remove_signatures) {
    lines.push_back("Getting image source signatures");
  }
  return lines;
}

std::vector<std::string> CopyLines::BlobLine(const std::string& digest, BlobKind kind) {
  bool config = kind == holkas::v1::BLOB_KIND_CONFIG;
  return {absl::StrCat(config ? "Copying config " : "Copying blob ", digest)};
}

std::vector<std::string> CopyLines::ManifestLines(const ManifestStarted& manifest) {
  if (manifest.is_index()) {
    std::vector<std::string> lines;
    if (!began_ && !options_.remove_signatures) {
      lines.push_back("Getting image list signatures");
    }
    lines.push_back("Writing manifest list to image destination");
    lines.push_back("Storing list signatures");
    return lines;
  }
  return {"Writing manifest to image destination", "Storing signatures"};
}

}  // namespace holkas
