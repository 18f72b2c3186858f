#ifndef HOLKAS_WORKER_IMAGE_DOCKER_V1_IMAGE_H_
#define HOLKAS_WORKER_IMAGE_DOCKER_V1_IMAGE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace holkas {

// The JSON of an image of Docker's before 1.8.3, `v1_compatibility`, with the fields that later
// ones always write (Docker image specification v1), as Skopeo completes it before it becomes a
// configuration. One of a later Docker, or of none, is returned as it is.
// Errors: INVALID_ARGUMENT; RESOURCE_EXHAUSTED (LIMIT_EXCEEDED).
absl::StatusOr<std::string> CompleteDockerV1Image(absl::string_view v1_compatibility);

}  // namespace holkas

#endif  // HOLKAS_WORKER_IMAGE_DOCKER_V1_IMAGE_H_
