#ifndef HOLKAS_WORKER_STORAGE_RECORDS_H_
#define HOLKAS_WORKER_STORAGE_RECORDS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/wire/digest.h"
#include "worker/blob/compression.h"
#include "worker/image/json_value.h"

namespace holkas {

// What a store's JSON says of its layers and images. These are views of what is read: what is
// written is the JSON itself with some members changed, so that members that are not known here
// stay as they are.

// Whether `text` can be the identity of a layer or an image: 64 hex digits, which is also what
// keeps a record from naming another directory.
bool IsStoreId(absl::string_view text);

// One layer: what it holds on top of its parent.
struct LayerRecord {
  std::string id;
  std::string parent;  // empty for a base layer
  // Of the blob that the layer came as, and of its tar.
  std::optional<Digest> compressed_digest;
  std::optional<Digest> diff_digest;
  int64_t compressed_size_bytes = 0;
  Compression compression = Compression::kNone;
  int64_t diff_size_bytes = 0;
  // It is being written, or its writer died; whoever writes next removes it.
  bool is_incomplete = false;

  // Errors: FAILED_PRECONDITION for a record that no program would write.
  static absl::StatusOr<LayerRecord> Parse(const JsonValue& json);
};

// One image: its names, its top layer, and pieces of data by key, its manifest and configuration
// among them.
struct ImageRecord {
  std::string id;
  std::vector<std::string> names;
  std::string layer;  // empty for an image without layers
  // The same layers for other mappings of user identities.
  std::vector<std::string> mapped_layers;
  // Of `big data`, by key.
  std::map<std::string, std::string> data_digests;

  // Errors: as above.
  static absl::StatusOr<ImageRecord> Parse(const JsonValue& json);

  // Whether one of its manifests, or what the record says of it, has the digest.
  bool HasManifest(const Digest& digest) const;
};

// The number by which stores call a compression.
int64_t CompressionNumber(Compression compression);

// The key under which an image keeps the manifest of a digest.
std::string ManifestKey(const Digest& digest);

// All records of `json`, a file's content.
absl::StatusOr<std::vector<LayerRecord>> ParseLayerRecords(const JsonArray& json);
absl::StatusOr<std::vector<ImageRecord>> ParseImageRecords(const JsonArray& json);

}  // namespace holkas

#endif  // HOLKAS_WORKER_STORAGE_RECORDS_H_
