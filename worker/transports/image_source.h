#ifndef HOLKAS_WORKER_TRANSPORTS_IMAGE_SOURCE_H_
#define HOLKAS_WORKER_TRANSPORTS_IMAGE_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/wire/digest.h"
#include "worker/blob/byte_source.h"
#include "worker/blob/compression.h"
#include "worker/image/manifest.h"

namespace holkas {

// One image (or index) to be read, in whatever place. OpenBlob may be called by several threads at
// once, the rest by one. What it gives is not verified, but for manifests read by digest: blobs are
// wrapped in a VerifyingSource by who reads them (worker/blob).
class ImageSource {
 public:
  virtual ~ImageSource() = default;

  // The manifest that the name stands for, or with `instance` the one of that digest (verified).
  // Errors: NOT_FOUND (MANIFEST_UNKNOWN); DATA_LOSS (CONTENT_MISMATCH).
  virtual absl::StatusOr<RawManifest> ReadManifest(const std::optional<Digest>& instance) = 0;

  // The bytes of a blob, from the first on. A negative size is one that nobody knows.
  // Errors: NOT_FOUND (BLOB_UNKNOWN).
  virtual absl::StatusOr<std::unique_ptr<ByteSource>> OpenBlob(const Descriptor& blob) = 0;

  // As how many bytes the image came, where that may be less than its blobs have: they are
  // decompressed on the way. After ReadManifest.
  virtual std::optional<int64_t> CameAs() const { return std::nullopt; }

  // The last `count` bytes of a blob, where they are to be had before the rest; empty otherwise.
  // Not verified. Thread-safe.
  virtual std::string ReadBlobEnd(const Descriptor& blob, size_t count) {
    (void)blob;
    (void)count;
    return "";
  }

  // A compressed blob that has a layer of the image as its content.
  struct CompressedTwin {
    Digest digest;
    int64_t size_bytes = 0;
    Compression compression = Compression::kNone;
  };
  // The blob that the layer `blob` was before it was decompressed, where the place remembers it;
  // OpenBlob has it not. Thread-safe.
  virtual std::optional<CompressedTwin> FindCompressedTwin(const Descriptor& blob) const {
    (void)blob;
    return std::nullopt;
  }

  // The blobs in the order in which they are best read, one at a time, where they come in a stream;
  // empty where any order will do, and several at once. After ReadManifest.
  virtual std::vector<Digest> ReadingOrder() const { return {}; }

  // All tags of the image's repository, in the registry's order; empty for transports without tags.
  // A registry that refuses the list gives a line in `warnings` and no tags.
  virtual absl::StatusOr<std::vector<std::string>> ListTags(std::vector<std::string>& warnings) {
    (void)warnings;
    return std::vector<std::string>();
  }
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_IMAGE_SOURCE_H_
