#include "clients/cli/archive_name.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/wire/image_reference.h"

namespace holkas {
namespace {

constexpr absl::string_view kDocker = "docker-archive:";
constexpr absl::string_view kOci = "oci-archive:";

}  // namespace

std::optional<ArchiveName> ParseArchive(const std::string& image) {
  const absl::StatusOr<ImageReference> reference = ImageReference::Parse(image);
  if (!reference.ok()) {
    return std::nullopt;
  }
  ArchiveName name;
  absl::string_view transport = kDocker;
  if (reference->docker_archive() != nullptr) {
    name.path = reference->docker_archive()->path;
    name.format = holkas::v1::ARCHIVE_FORMAT_DOCKER;
  } else if (reference->oci_archive() != nullptr) {
    name.path = reference->oci_archive()->path;
    name.format = holkas::v1::ARCHIVE_FORMAT_OCI;
    transport = kOci;
  } else {
    return std::nullopt;
  }
  const size_t end = transport.size() + name.path.size();
  name.image = image.size() > end ? image.substr(end + 1) : "";
  return name;
}

std::string WithPath(const std::string& image, const std::string& path) {
  const size_t begin = image.find(':') + 1;
  const size_t end = begin + ParseArchive(image).value_or(ArchiveName()).path.size();
  return absl::StrCat(image.substr(0, begin), path, image.substr(end));
}

bool IsArchive(const std::string& image) {
  return absl::StartsWith(image, kDocker) || absl::StartsWith(image, kOci);
}

}  // namespace holkas
