#ifndef HOLKAS_WORKER_BLOB_COMPRESS_WHOLE_H_
#define HOLKAS_WORKER_BLOB_COMPRESS_WHOLE_H_

#include <string>

#include "absl/strings/string_view.h"
#include "worker/blob/compression.h"

namespace holkas {

// For tests: `bytes` as one member of the compression, by the formats' own libraries. kNone leaves
// them as they are.
std::string CompressWhole(Compression compression, absl::string_view bytes);

// The same with the parameters that need the most memory that a reader is asked for: zstd's window
// and xz's dictionary have 2^`log` bytes.
std::string CompressWithWindow(Compression compression, absl::string_view bytes, int log);

}  // namespace holkas

#endif  // HOLKAS_WORKER_BLOB_COMPRESS_WHOLE_H_
