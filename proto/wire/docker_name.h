#ifndef HOLKAS_PROTO_WIRE_DOCKER_NAME_H_
#define HOLKAS_PROTO_WIRE_DOCKER_NAME_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/wire/image_reference.h"

namespace holkas {

// The grammar of names of images in registries (distribution/reference), for image_reference.

// A reference is never longer: a path is at most PATH_MAX bytes, a name far less.
inline constexpr size_t kMaxReferenceBytes = 8192;
inline constexpr size_t kImageIdBytes = 64;
inline constexpr absl::string_view kUnknownDigestSuffix = "@@unknown-digest@@";
inline constexpr absl::string_view kDockerHub = "docker.io";

// INVALID_ARGUMENT (INVALID_REFERENCE).
absl::Status InvalidReference(absl::string_view message);
// What an error shows of a refused reference.
std::string ShownReference(absl::string_view text);

bool IsLowerHex(absl::string_view text);

// Sets `reference` from `[host[:port]/]path[:tag][@digest]`, normalised but for a default tag.
absl::Status ParseName(absl::string_view text, RegistryReference& reference);
// What stands behind `docker:`.
absl::StatusOr<RegistryReference> ParseRegistry(absl::string_view details);

}  // namespace holkas

#endif  // HOLKAS_PROTO_WIRE_DOCKER_NAME_H_
