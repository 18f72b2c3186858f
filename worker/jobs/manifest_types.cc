#include "worker/jobs/manifest_types.h"

#include <algorithm>
#include <map>

#include "absl/strings/match.h"
#include "proto/wire/error.h"
#include "worker/image/media_types.h"

namespace holkas {
namespace {

// In the order in which they are tried where the source's own is not taken.
constexpr absl::string_view kImageTypes[] = {
    kDockerManifestType,
    kDockerSchema1SignedType,
    kOciManifestType,
};

}  // namespace

std::vector<absl::string_view> ManifestTypesFor(absl::string_view source_type,
                                                v1::ManifestFormat format,
                                                const ImageDestination& to) {
  switch (format) {
    case v1::MANIFEST_FORMAT_OCI:
      return {kOciManifestType};
    case v1::MANIFEST_FORMAT_DOCKER_V2S2:
      return {kDockerManifestType};
    case v1::MANIFEST_FORMAT_DOCKER_V2S1:
      return {kDockerSchema1SignedType};
    default:
      break;
  }
  std::vector<absl::string_view> types;
  if (to.AcceptsManifestType(source_type)) {
    types.push_back(source_type);
  }
  for (absl::string_view type : kImageTypes) {
    if (type != source_type && to.AcceptsManifestType(type)) {
      types.push_back(type);
    }
  }
  return types;
}

bool IsTypeRefused(const absl::Status& status) {
  const std::map<std::string, std::string> metadata = ErrorMetadata(status);
  const auto found = metadata.find("registry_code");
  if (status.ok() || found == metadata.end()) {
    return false;
  }
  // The last is how one large registry says it.
  return found->second == "MANIFEST_INVALID" || found->second == "TAG_INVALID" ||
         (found->second == "UNSUPPORTED" &&
          absl::StrContains(status.message(), "Invalid JSON syntax"));
}

}  // namespace holkas
