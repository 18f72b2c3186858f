#ifndef HOLKAS_WORKER_BLOB_EXPANSION_BUDGET_H_
#define HOLKAS_WORKER_BLOB_EXPANSION_BUDGET_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "worker/blob/compression.h"

namespace holkas {

// How much may come out of compressed bytes: never more than `ratio` times what went in, but for
// `free_bytes`.
struct ExpansionLimits {
  int64_t free_bytes;
  int64_t ratio;
};

// So that 1 MiB never costs more than two seconds of a processor, and yet layers with large files
// of zeros pass. Deflate itself gives at most 1032 bytes for one.
ExpansionLimits ExpansionLimitsOf(Compression compression);

// No layer is larger than this.
inline constexpr int64_t kMaxDecompressedBytes = int64_t{256} << 30;

// What the compressed blobs of one image, or the members of one archive, may become together.
// Thread-safe.
class ExpansionBudget {
 public:
  // So many bytes may come out of what came as few; beyond, so many for each of these.
  static constexpr int64_t kFreeBytes = int64_t{1} << 30;
  static constexpr int64_t kRatio = 1100;

  // All blobs came as so many bytes, before something else was decompressed: an archive, of which
  // they are members.
  void SetSize(int64_t bytes);

 private:
  friend class ExpansionMeter;

  // Takes a part of the free bytes, or gives it back. Whether there was enough.
  bool TakeFree(double part);
  // Whether so many bytes more may come out.
  bool TakeOut(int64_t bytes);

  absl::Mutex mutex_;
  std::optional<int64_t> size_bytes_ ABSL_GUARDED_BY(mutex_);
  double free_part_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t out_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

// Counts what one blob becomes. Not thread-safe.
class ExpansionMeter {
 public:
  ExpansionMeter(Compression compression, const ExpansionLimits& limits,
                 std::shared_ptr<ExpansionBudget> budget)
      : compression_(compression), limits_(limits), budget_(std::move(budget)) {}
  ExpansionMeter(const ExpansionMeter&) = delete;
  // What did not come to its end is read again, or was all there is.
  ~ExpansionMeter();

  // Errors: RESOURCE_EXHAUSTED (LIMIT_EXCEEDED).
  absl::Status Count(size_t in_bytes, size_t out_bytes);
  // All of the blob came out.
  void End() { ended_ = true; }

 private:
  const Compression compression_;
  const ExpansionLimits limits_;
  const std::shared_ptr<ExpansionBudget> budget_;
  int64_t in_bytes_ = 0;
  int64_t out_bytes_ = 0;
  double free_part_ = 0;
  bool ended_ = false;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_BLOB_EXPANSION_BUDGET_H_
