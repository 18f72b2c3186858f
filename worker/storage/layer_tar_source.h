#ifndef HOLKAS_WORKER_STORAGE_LAYER_TAR_SOURCE_H_
#define HOLKAS_WORKER_STORAGE_LAYER_TAR_SOURCE_H_

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "proto/wire/unique_fd.h"
#include "worker/blob/byte_source.h"
#include "worker/storage/crc64.h"
#include "worker/storage/directory.h"
#include "worker/storage/tar_split.h"

namespace holkas {

// The tar that a layer came from, put together from its tar-split and its unpacked files. Each file
// is compared with the size and the checksum that the tar-split has; the whole is not verified.
class LayerTarSource : public ByteSource {
 public:
  // `files`: the layer's own files. `tar_split`: its list, compressed by gzip.
  static absl::StatusOr<std::unique_ptr<ByteSource>> Open(Directory files, UniqueFd tar_split);

  // The same for a list that is decompressed.
  LayerTarSource(Directory files, std::unique_ptr<TarSplitReader> entries)
      : files_(std::move(files)), entries_(std::move(entries)) {}

  // Errors: DATA_LOSS (CONTENT_MISMATCH) where a file is gone or differs; those of TarSplitReader.
  absl::StatusOr<size_t> Read(absl::Span<char> buffer) override;

 private:
  // Sets entry_ to the next entry with bytes; false at the end.
  absl::StatusOr<bool> NextEntry();
  absl::Status OpenFile();
  absl::StatusOr<size_t> ReadFile(absl::Span<char> buffer);
  absl::Status FileDiffers(absl::string_view why) const;

  const Directory files_;
  const std::unique_ptr<TarSplitReader> entries_;
  TarSplitEntry entry_;
  int64_t left_bytes_ = 0;  // of the entry
  UniqueFd file_;           // the entry's, where it is one
  Crc64 crc64_;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_STORAGE_LAYER_TAR_SOURCE_H_
