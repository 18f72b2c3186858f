#ifndef HOLKAS_WORKER_TRANSPORTS_DOCKER_ARCHIVE_LEGACY_LAYERS_H_
#define HOLKAS_WORKER_TRANSPORTS_DOCKER_ARCHIVE_LEGACY_LAYERS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/wire/digest.h"

namespace holkas {

// What an archive of `docker save` says of each layer for Docker before 1.10 (Docker Image
// Specification v1.0): a directory that is named by an ID, in which `json` tells the ID and that of
// the layer below. Byte for byte as Skopeo makes it, so that the same image gives the same archive.

struct LegacyLayer {
  // 64 hex digits.
  std::string id;
  // The content of `json`.
  std::string json;
};

// One for each of `diff_ids`, from the base up; the top one has parts of `config`, the image's
// configuration.
// Errors: FAILED_PRECONDITION (INVALID_MANIFEST) where the configuration is no JSON object.
absl::StatusOr<std::vector<LegacyLayer>> MakeLegacyLayers(const std::vector<Digest>& diff_ids,
                                                          absl::string_view config);

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_DOCKER_ARCHIVE_LEGACY_LAYERS_H_
