#ifndef HOLKAS_WORKER_CHUNKED_CHUNK_CUTTER_H_
#define HOLKAS_WORKER_CHUNKED_CHUNK_CUTTER_H_

#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "worker/chunked/rolling_sum.h"

namespace holkas {

// Gets a file's chunks.
class ChunkHandler {
 public:
  virtual ~ChunkHandler() = default;

  // What the chunk has next.
  virtual absl::Status OnChunkBytes(absl::string_view bytes) = 0;
  // The chunk, which is not empty, ends here. `is_zeros`: it has nothing but zeros.
  virtual absl::Status OnChunkEnd(bool is_zeros) = 0;
};

// Cuts the content of one file after the other into chunks, where containers/storage cuts it: a run
// of zeros is a chunk, and what is between them is cut by RollingSum. A chunk has any size. Holds
// no content. Not thread-safe.
class ChunkCutter {
 public:
  // From so many zeros on they are a chunk.
  static constexpr size_t kMinZeros = 1024;

  // `handler` outlives the cutter.
  explicit ChunkCutter(ChunkHandler& handler) : handler_(handler) {}

  // Errors of both: the handler's.
  absl::Status Append(absl::string_view bytes);
  // The file ends here; the next one may begin.
  absl::Status Finish();

 private:
  // Passes bytes that are in no run of zeros, and cuts where the checksum says.
  absl::Status PassData(absl::string_view bytes);
  absl::Status PassHeldZeros();
  absl::Status Pass(absl::string_view bytes);
  absl::Status EndChunk(bool is_zeros);

  ChunkHandler& handler_;
  RollingSum sum_;
  bool is_open_ = false;   // the chunk has bytes
  bool is_zeros_ = false;  // the chunk is a run of zeros
  size_t held_zeros_ = 0;  // not passed on yet: fewer than kMinZeros
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_CHUNKED_CHUNK_CUTTER_H_
