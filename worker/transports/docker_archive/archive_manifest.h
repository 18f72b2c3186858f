#ifndef HOLKAS_WORKER_TRANSPORTS_DOCKER_ARCHIVE_ARCHIVE_MANIFEST_H_
#define HOLKAS_WORKER_TRANSPORTS_DOCKER_ARCHIVE_ARCHIVE_MANIFEST_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "broker/broker.pb.h"

namespace holkas {

// The list of the images in an archive of `docker save`, `manifest.json` (Docker Image
// Specification v1.2).

// A list is never larger than this, as for Skopeo.
inline constexpr int64_t kMaxArchiveManifestBytes = 1 << 20;

struct ArchiveImage {
  // The member that is the configuration.
  std::string config;
  // `name:tag`, as they are written.
  std::vector<std::string> repo_tags;
  // The members that are the layers, from the base up.
  std::vector<std::string> layers;
};

// Parses strictly (ParseStrictJson).
// Errors: FAILED_PRECONDITION (INVALID_ARCHIVE); RESOURCE_EXHAUSTED (LIMIT_EXCEEDED).
absl::StatusOr<std::vector<ArchiveImage>> ParseArchiveManifest(absl::string_view text);

// The image that has the name or the position, or the only one where the reference says neither.
// Errors, with Skopeo's texts: NOT_FOUND (TAG_UNKNOWN); INVALID_ARGUMENT (INVALID_REFERENCE) where
// there are several to choose from, or fewer; FAILED_PRECONDITION (INVALID_ARCHIVE) for a name that
// is none.
absl::StatusOr<const ArchiveImage*> ChooseArchiveImage(const std::vector<ArchiveImage>& images,
                                                       const broker::DockerArchiveImage& wanted);

// The names of all images, normalised, in their order; `@N` for one without a name.
// Errors: FAILED_PRECONDITION (INVALID_ARCHIVE) for a name that is none, or has no tag.
absl::StatusOr<std::vector<std::string>> NamesOf(const std::vector<ArchiveImage>& images);

// The list with one image, as Skopeo writes it.
std::string FormatArchiveManifest(const ArchiveImage& image);

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_DOCKER_ARCHIVE_ARCHIVE_MANIFEST_H_
