#ifndef HOLKAS_WORKER_IMAGE_SCHEMA1_MANIFEST_H_
#define HOLKAS_WORKER_IMAGE_SCHEMA1_MANIFEST_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/wire/digest.h"
#include "worker/image/json_value.h"
#include "worker/image/rfc3339.h"

namespace holkas {

// Docker image manifest version 2, schema 1: an image without a configuration of its own. Each
// layer comes with the JSON of the image that it completed (Docker image specification v1), the
// topmost with that of the image itself. Sizes of layers are not recorded.
struct Schema1Manifest {
  struct Layer {
    explicit Layer(Digest blob) : digest(std::move(blob)) {}

    Digest digest;
    // The layer's JSON, as it is written.
    std::string v1_compatibility;
    // Of that: 64 hexadecimal digits; the ID of the layer beneath, empty of the lowest.
    std::string id;
    std::string parent;
    // Of that: how the layer came to be.
    std::optional<Rfc3339Time> created;
    std::string author;
    std::string comment;
    std::vector<std::string> command;
    // The layer changes nothing, and has no place in manifests of other types.
    bool is_empty = false;
  };

  // The repository's path without its registry, and the tag, that the manifest was pushed under.
  std::string name;
  std::string tag;
  std::string architecture;
  // From the base up; at least one.
  std::vector<Layer> layers;

  const Layer& top() const { return layers.back(); }

  // Compact JSON, byte for byte as Skopeo writes it, without signatures.
  std::string ToJson() const;
};

// `root` is the manifest's JSON. Refuses what Skopeo refuses, in its words: layers that are not one
// chain of IDs. Of layers that have the same ID one after the other only the lowest is kept.
// Errors: INVALID_ARGUMENT; RESOURCE_EXHAUSTED (LIMIT_EXCEEDED).
absl::StatusOr<Schema1Manifest> ParseSchema1(const JsonValue& root);

}  // namespace holkas

#endif  // HOLKAS_WORKER_IMAGE_SCHEMA1_MANIFEST_H_
