#include "clients/cli/error_context.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "clients/cli/go_text.h"
#include "proto/wire/error.h"
#include "proto/wire/image_reference.h"

namespace holkas {
namespace {

// What keeps an image from being opened at all.
constexpr absl::string_view kOpeningReasons[] = {
    "ADDRESS_DENIED",        "CREDENTIALS_UNAVAILABLE",
    "INVALID_CONFIG",        "INVALID_ARCHIVE",
    "INVALID_REFERENCE",     "MANIFEST_UNKNOWN",
    "PATH_DENIED",           "TAG_UNKNOWN",
    "REGISTRY_BLOCKED",      "REGISTRY_DENIED",
    "REGISTRY_UNAUTHORIZED", "REGISTRY_UNAVAILABLE",
    "REPOSITORY_UNKNOWN",    "TRANSPORT_UNIMPLEMENTED",
};

constexpr absl::string_view kLookingUp = "getting username and password";

bool KeepsFromOpening(absl::string_view reason) {
  return std::find(std::begin(kOpeningReasons), std::end(kOpeningReasons), reason) !=
         std::end(kOpeningReasons);
}

// The name with everything that the user may leave out.
std::string FullName(const std::string& image) {
  absl::StatusOr<ImageReference> reference = ImageReference::Parse(image);
  return reference.ok() ? reference->ToString() : image;
}

// The directory of `image`; empty where it has none.
std::string DirectoryOf(const std::string& image) {
  absl::StatusOr<ImageReference> reference = ImageReference::Parse(image);
  if (!reference.ok()) {
    return "";
  }
  if (reference->oci() != nullptr) {
    return reference->oci()->path;
  }
  return reference->dir() != nullptr ? reference->dir()->path : "";
}

// The file of `image`, where that is an archive; else empty.
std::string ArchiveOf(const std::string& image) {
  absl::StatusOr<ImageReference> reference = ImageReference::Parse(image);
  if (!reference.ok()) {
    return "";
  }
  if (reference->docker_archive() != nullptr) {
    return reference->docker_archive()->path;
  }
  if (reference->sif() != nullptr) {
    return reference->sif()->path;
  }
  return reference->oci_archive() != nullptr ? reference->oci_archive()->path : "";
}

// The same with the name of the archive that could not be opened: the server does not tell it.
absl::Status WithArchive(const absl::Status& status, const std::string& image) {
  const std::string path = ArchiveOf(image);
  absl::string_view why = status.message();
  if (path.empty() || !absl::ConsumePrefix(&why, "open archive: ")) {
    return status;
  }
  std::string step = "creating temp directory";
  if (absl::StartsWith(image, "docker-archive:")) {
    step = absl::StrCat("opening file ", GoQuote(path));
  } else if (absl::StartsWith(image, "sif:")) {
    step = "loading SIF file";
  }
  return MakeError(status.code(), ErrorReason(status),
                   absl::StrCat(step, ": open ", path, ": ", why), ErrorMetadata(status));
}

// Whether the archive could not be opened. `status` is as the server told it.
bool IsAboutOpeningArchive(const absl::Status& status, const std::string& image) {
  return !ArchiveOf(image).empty() && absl::StartsWith(status.message(), "open archive: ");
}

// Whether the archive could be read and has no image of the name in it.
bool IsAboutChoosingInArchive(const absl::Status& status, const std::string& image) {
  const std::string reason = ErrorReason(status);
  return absl::StartsWith(image, "docker-archive:") &&
         (reason == "TAG_UNKNOWN" || reason == "INVALID_REFERENCE");
}

// The same with the name of the file that could not be opened as the user knows it: the server
// tells it without its directory.
absl::Status WithDirectory(const absl::Status& status, const std::string& image) {
  if (!ArchiveOf(image).empty()) {
    return WithArchive(status, image);
  }
  std::string directory = DirectoryOf(image);
  for (absl::string_view file : {"index.json", "manifest.json"}) {
    absl::string_view rest = status.message();
    if (!directory.empty() && absl::ConsumePrefix(&rest, absl::StrCat("open ", file, ": "))) {
      return MakeError(status.code(), ErrorReason(status),
                       absl::StrCat("open ", directory, "/", file, ": ", rest),
                       ErrorMetadata(status));
    }
  }
  return status;
}

// The error for a file of a tarball:, which the server numbers, as Skopeo says it; OK for others.
absl::Status TarballError(const absl::Status& status, const std::string& image) {
  const absl::StatusOr<ImageReference> reference = ImageReference::Parse(image);
  absl::string_view rest = status.message();
  if (!reference.ok() || reference->tarball() == nullptr ||
      !absl::ConsumePrefix(&rest, "open archive")) {
    return absl::OkStatus();
  }
  const std::vector<std::string>& paths = reference->tarball()->paths;
  const size_t colon = std::min(rest.find(": "), rest.size());
  size_t index = 0;
  if (colon > 0 &&
      (!absl::SimpleAtoi(rest.substr(1, colon - 1), &index) || index >= paths.size())) {
    return absl::OkStatus();
  }
  return MakeError(status.code(), ErrorReason(status),
                   absl::StrCat("error opening ", GoQuote(paths[index]), ": open ", paths[index],
                                rest.substr(colon)),
                   ErrorMetadata(status));
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

// Which of the two images failed for a reason that only registries have, where only one has a
// registry.
absl::Status WithRegistryContext(const absl::Status& status, const std::string& source,
                                 const std::string& destination) {
  if (!RegistryOf(source).empty() && !RegistryOf(destination).empty()) {
    return status;
  }
  return RegistryOf(destination).empty()
             ? WithContext(status, absl::StrCat("initializing source ", FullName(source)))
             : WithContext(status,
                           absl::StrCat("initializing destination ", FullName(destination)));
}

// Whether a Docker daemon did not give the source, or its host is none.
bool IsAboutEngine(const absl::Status& status) {
  return absl::StartsWith(status.message(), "loading image from docker engine") ||
         absl::StartsWith(status.message(), "initializing docker engine client");
}

}  // namespace

absl::Status WithInspectContext(const absl::Status& failure, const std::string& image) {
  if (absl::Status status = TarballError(failure, image); !status.ok()) {
    return WithContext(status, absl::StrCat("Error parsing image name ", GoQuote(image)));
  }
  absl::Status status = WithDirectory(failure, image);
  if (IsAboutEngine(status)) {
    return WithContext(status, absl::StrCat("Error parsing image name ", GoQuote(image)));
  }
  if (IsAboutOpeningArchive(failure, image)) {
    return WithContext(status, absl::StrCat("Error parsing image name ", GoQuote(image)));
  }
  if (ErrorReason(status) == "CREDENTIALS_UNAVAILABLE") {
    status = WithContext(status, kLookingUp);
  }
  std::string reason = ErrorReason(status);
  if (reason == "PLATFORM_NOT_FOUND" || reason == "INVALID_MANIFEST") {
    return WithContext(status, "Error parsing manifest for image");
  }
  if (!KeepsFromOpening(reason)) {
    return status;
  }
  if (absl::StartsWith(image, "dir:") || IsAboutChoosingInArchive(status, image)) {
    return WithContext(status, "Error retrieving manifest for image");
  }
  return WithContext(status, absl::StrCat("Error parsing image name ", GoQuote(image)));
}

absl::Status WithDeleteContext(const absl::Status& failure, const std::string& image) {
  absl::Status status = WithDirectory(failure, image);
  if (ErrorReason(status) != "MANIFEST_UNKNOWN" || !DirectoryOf(image).empty()) {
    return status;
  }
  std::string name = FullName(image);
  return MakeError(status.code(), ErrorReason(status),
                   absl::StrCat("Unable to delete ", absl::StripPrefix(name, "docker://"),
                                ". Image may not exist or is not stored with a v2 Schema in a v2 "
                                "registry"),
                   ErrorMetadata(status));
}

absl::Status WithListTagsContext(const absl::Status& failure, const std::string& repository) {
  const absl::Status status = WithArchive(failure, repository);
  // What has no reason is about the server and not about the registry.
  return ErrorReason(status).empty() || !ArchiveOf(repository).empty()
             ? status
             : WithContext(status, "Error listing repository tags");
}

absl::Status WithCopyContext(const absl::Status& failure, const std::string& source,
                             const std::string& destination) {
  if (absl::Status status = TarballError(failure, source); !status.ok()) {
    return WithContext(status, absl::StrCat("Invalid source name ", source));
  }
  absl::Status status = WithDirectory(failure, source);
  if (IsAboutEngine(status)) {
    return absl::StartsWith(source, "docker-daemon:")
               ? WithContext(status, absl::StrCat("initializing source ", FullName(source)))
               : WithContext(status,
                             absl::StrCat("initializing destination ", FullName(destination)));
  }
  if (absl::StartsWith(failure.message(), "open manifest.json: ")) {
    return WithContext(status, absl::StrCat("determining manifest MIME type for ", source));
  }
  if (ErrorReason(status) == "TAG_UNKNOWN" ||
      absl::StartsWith(failure.message(), "Invalid source index ") ||
      absl::StartsWith(failure.message(), "Unexpected tar manifest.json")) {
    return WithContext(status,
                       absl::StrCat("determining manifest MIME type for ", FullName(source)));
  }
  if (absl::StartsWith(failure.message(), "open archive: ") ||
      ErrorReason(status) == "INVALID_ARCHIVE") {
    return WithContext(status, absl::StrCat("initializing source ", FullName(source)));
  }
  if (absl::StartsWith(failure.message(), "docker-archive doesn't support ") ||
      absl::StartsWith(failure.message(), "Destination reference must not contain ")) {
    return WithContext(status, absl::StrCat("initializing destination ", FullName(destination)));
  }
  if (absl::StartsWith(failure.message(), "open index.json: ")) {
    return WithContext(status, absl::StrCat("initializing source ", source));
  }
  if (absl::StartsWith(failure.message(), "not a containers image directory") ||
      absl::EndsWith(failure.message(), "locations can only be read from, not written to")) {
    return WithContext(status, absl::StrCat("initializing destination ", destination));
  }
  std::string reason = ErrorReason(status);
  if (reason == "CREDENTIALS_UNAVAILABLE") {
    return WithRegistryContext(WithContext(status, kLookingUp), source, destination);
  }
  if (reason == "REGISTRY_BLOCKED" || reason == "INVALID_CONFIG") {
    return WithRegistryContext(status, source, destination);
  }
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
