#ifndef HOLKAS_WORKER_BLOB_COMPRESSION_H_
#define HOLKAS_WORKER_BLOB_COMPRESSION_H_

#include <cstddef>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "worker/blob/byte_source.h"

namespace holkas {

// How bytes are compressed. What they begin with decides, whatever a media type says.
enum class Compression { kNone, kGzip, kBzip2, kXz, kZstd };

// As in messages: `gzip`; `none`.
absl::string_view CompressionName(Compression compression);

// So many first bytes tell every compression.
inline constexpr size_t kMagicBytes = 6;

// The compression of bytes that begin with `first_bytes`: kMagicBytes of them, or all where there
// are fewer.
Compression CompressionOf(absl::string_view first_bytes);

// Bytes whose compression was found out.
struct DetectedSource {
  Compression compression;
  // All of the bytes, as they came.
  std::unique_ptr<ByteSource> source;
};

// Reads the first bytes of `source`, which are read again from the result.
// Errors: those of the source.
absl::StatusOr<DetectedSource> DetectCompression(std::unique_ptr<ByteSource> source);

}  // namespace holkas

#endif  // HOLKAS_WORKER_BLOB_COMPRESSION_H_
