#ifndef HOLKAS_WORKER_BLOB_COPY_BYTES_H_
#define HOLKAS_WORKER_BLOB_COPY_BYTES_H_

#include <cstddef>
#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "worker/blob/byte_sink.h"
#include "worker/blob/byte_source.h"

namespace holkas {

// How many bytes a buffer has, which move at once. Large enough that system calls cost little,
// small enough that the bytes are still in the processor's cache when they are hashed and written.
inline constexpr size_t kCopyBufferBytes = 128 << 10;

// Moves all bytes of `source` to `sink` by way of `buffer`, which outlives both: the only loop that
// does. Does not finish the sink. After each buffer `on_progress` is told how many bytes moved so
// far, on this thread; an error that it gives ends the loop. Returns how many bytes moved. Errors:
// those of the source, of the sink and of `on_progress`.
absl::StatusOr<int64_t> CopyBytes(ByteSource& source, ByteSink& sink, absl::Span<char> buffer,
                                  absl::FunctionRef<absl::Status(int64_t done_bytes)> on_progress);

}  // namespace holkas

#endif  // HOLKAS_WORKER_BLOB_COPY_BYTES_H_
