#ifndef HOLKAS_WORKER_STORAGE_LAYER_BUDGET_H_
#define HOLKAS_WORKER_STORAGE_LAYER_BUDGET_H_

#include <cstdint>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

namespace holkas {

// What the layers of one image may have together that costs more to unpack than it takes to send.
// Of entries and bytes, of tars and of what is copied from the layers below, there may be so many
// each where there is nothing of the others, or a half of two, and so on. Thread-safe.
class LayerBudget {
 public:
  // So many entries the tars may have, whatever the image's size; beyond, each takes so many bytes
  // of the layers as they came: 1 MiB is at most 32,768. Making an entry and removing it again
  // takes the kernel tens of microseconds, and headers are down to 6.5 bytes of gzip. Of real
  // trees, those that are links and small files most of all have 60 bytes for each entry (zstd -9;
  // modules of Node.js), others 1000 and more; headers alone, as of a layer that deletes all
  // `*.pyc` of a tree, 12, and such layers are what the free ones are for.
  static constexpr int64_t kFreeEntries = 40'000;
  static constexpr int64_t kEntryBlobBytes = 32;
  // What the service does for a worker takes as long as so many entries.
  static constexpr int64_t kEntriesOfCall = 3;
  // So many bytes the tars may have, and so many for each byte of the layers as they came. gzip
  // never gives more than 1032.
  static constexpr int64_t kFreeTarBytes = int64_t{1} << 30;
  static constexpr int64_t kTarRatio = 1100;
  // So many bytes of files, and entries, may be copied from the layers below. All of layers that
  // compress to a quarter can be copied 127 times, the most that an image has, and where they have
  // 2 KiB for each entry.
  static constexpr int64_t kFreeCopiedBytes = int64_t{2} << 30;
  static constexpr int64_t kCopiedRatio = 2048;
  static constexpr int64_t kFreeCopiedEntries = 40'000;
  static constexpr int64_t kCopiedEntryBlobBytes = 16;

  // So many extended attributes take as long as an entry, and so many parts of a sparse file, each
  // of which takes a block.
  static constexpr int64_t kXattrsOfEntry = 8;
  static constexpr int64_t kPartsOfEntry = 4;
  static constexpr int64_t kBlockBytes = 4096;

  // Beside these, so many bytes the tars may have that are no file's content. Headers of empty
  // files, which compress best, have less.
  static constexpr int64_t kFreeDescriptionBytes = 32 << 20;
  static constexpr int64_t kDescriptionRatio = 40;

  // All of the image came as so many bytes: these count, and not what AddBytes and AddStored add.
  void SetSize(int64_t bytes);

  // So many more bytes of layers were read, as they came; or the store has them already.
  void AddBytes(int64_t bytes);
  void AddStored(int64_t bytes);

  // Errors: RESOURCE_EXHAUSTED (LIMIT_EXCEEDED).
  absl::Status TakeEntries(int64_t count);
  absl::Status TakeTar(int64_t bytes);
  absl::Status TakeCopiedEntries(int64_t count);
  absl::Status TakeCopied(int64_t bytes);
  absl::Status TakeDescription(int64_t bytes);
  // Of the tar of a layer that the store has, when it becomes one layer more of the image: only
  // what came counts for that.
  absl::Status TakeStoredAgain(int64_t bytes);

  // Of a layer that waits: what was taken when it came is taken again when it is unpacked.
  void GiveBack(int64_t entries, int64_t described_bytes);

 private:
  int64_t bytes() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return size_bytes_.value_or(read_bytes_ + stored_bytes_);
  }
  absl::Status Check() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::Mutex mutex_;
  std::optional<int64_t> size_bytes_ ABSL_GUARDED_BY(mutex_);
  int64_t read_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t stored_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t entries_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t tar_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t stored_again_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t copied_entries_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t copied_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t described_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_STORAGE_LAYER_BUDGET_H_
