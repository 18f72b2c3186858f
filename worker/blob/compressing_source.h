#ifndef HOLKAS_WORKER_BLOB_COMPRESSING_SOURCE_H_
#define HOLKAS_WORKER_BLOB_COMPRESSING_SOURCE_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "worker/blob/block_encoder.h"
#include "worker/blob/byte_source.h"

namespace holkas {

// Compresses the blobs of one job, each in blocks that several threads work at: those that read the
// blobs, and helpers. Whoever reads a blob never waits for a helper that has not begun, so that
// readers may be all the threads there are. Thread-safe; outlives what it made.
class Compressor {
 public:
  // Runs a task on another thread, sometime. Never blocks.
  using Schedule = std::function<void(std::function<void()> task)>;

  // `threads`: how many there are for tasks and readers together.
  Compressor(std::unique_ptr<BlockFormat> format, Schedule schedule, int threads);

  // The bytes of `source`, compressed. The end is told after the source's.
  std::unique_ptr<ByteSource> Compress(std::unique_ptr<ByteSource> source);

  // For what Compress gives.

  const BlockFormat& format() const { return *format_; }
  const Schedule& schedule() const { return schedule_; }
  // Whether a blob may have one more block in memory than the one that it always may; then it gives
  // that back.
  bool TakeBlock();
  void GiveBlock();
  // An encoder, kept or new, and the way back.
  absl::StatusOr<std::unique_ptr<BlockEncoder>> TakeEncoder();
  void KeepEncoder(std::unique_ptr<BlockEncoder> encoder);

 private:
  const std::unique_ptr<BlockFormat> format_;
  const Schedule schedule_;
  absl::Mutex mutex_;
  int free_blocks_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<BlockEncoder>> encoders_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_BLOB_COMPRESSING_SOURCE_H_
