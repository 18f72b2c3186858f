#include "clients/cli/error_context.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "clients/cli/go_text.h"
#include "proto/wire/error.h"
#include "proto/wire/image_reference.h"

namespace holkas {
namespace {

// What keeps an image from being opened at all.
constexpr absl::string_view kOpeningReasons[] = {
    "ADDRESS_DENIED",       "INVALID_REFERENCE",  "MANIFEST_UNKNOWN",
    "PATH_DENIED",          "REGISTRY_DENIED",    "REGISTRY_UNAUTHORIZED",
    "REGISTRY_UNAVAILABLE", "REPOSITORY_UNKNOWN", "TRANSPORT_UNIMPLEMENTED",
};

bool KeepsFromOpening(absl::string_view reason) {
  return std::find(std::begin(kOpeningReasons), std::end(kOpeningReasons), reason) !=
         std::end(kOpeningReasons);
}

// The name with everything that the user may leave out.
std::string FullName(const std::string& image) {
  absl::StatusOr<ImageReference> reference = ImageReference::Parse(image);
  return reference.ok() ? reference->ToString() : image;
}

// The registry of `image`, `host[:port]`; empty where it has none.
std::string RegistryOf(const std::string& image) {
  absl::StatusOr<ImageReference> reference = ImageReference::Parse(image);
  return reference.ok() && reference->registry() != nullptr ? reference->registry()->HostPort()
                                                            : std::string();
}

// Whether `status` tells of the first words with the source's registry.
bool IsAboutOpeningSource(const absl::Status& status, const std::string& source,
                          const std::string& destination) {
  std::string registry = RegistryOf(source);
  if (registry.empty() || registry == RegistryOf(destination)) {
    return false;
  }
  std::string message(status.message());
  return absl::StartsWith(message, "pinging container registry ") &&
         absl::StrContains(message, registry);
}

}  // namespace

absl::Status WithInspectContext(const absl::Status& status, absl::string_view image) {
  std::string reason = ErrorReason(status);
  if (reason == "PLATFORM_NOT_FOUND" || reason == "INVALID_MANIFEST") {
    return WithContext(status, "Error parsing manifest for image");
  }
  if (!KeepsFromOpening(reason)) {
    return status;
  }
  if (absl::StartsWith(image, "dir:")) {
    return WithContext(status, "Error retrieving manifest for image");
  }
  return WithContext(status, absl::StrCat("Error parsing image name ", GoQuote(image)));
}

absl::Status WithCopyContext(const absl::Status& status, const std::string& source,
                             const std::string& destination) {
  std::string reason = ErrorReason(status);
  if (reason == "PLATFORM_NOT_FOUND") {
    return WithContext(status,
                       absl::StrCat("choosing an image from manifest list ", FullName(source)));
  }
  if (reason == "MANIFEST_UNKNOWN" || IsAboutOpeningSource(status, source, destination)) {
    return WithContext(status, absl::StrCat("initializing source ", FullName(source)));
  }
  return status;
}

}  // namespace holkas
