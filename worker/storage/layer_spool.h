#ifndef HOLKAS_WORKER_STORAGE_LAYER_SPOOL_H_
#define HOLKAS_WORKER_STORAGE_LAYER_SPOOL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/wire/digest.h"
#include "proto/wire/digester.h"
#include "proto/wire/unique_fd.h"
#include "worker/storage/crc64.h"
#include "worker/storage/directory.h"
#include "worker/storage/layer_writer.h"
#include "worker/storage/tar_stream.h"

namespace holkas {

// The tar of a layer that waits for those below it, in a directory of its own. The content of large
// files is in files `content-0` and so on, which become the layer's without being written again;
// all else is in one file, as it came.
struct SpooledTar {
  struct Content {
    // How many bytes of the one file come before it.
    int64_t offset = 0;
    int64_t size_bytes = 0;
    Crc64 crc64;
  };

  Digest digest;
  int64_t size_bytes = 0;
  std::vector<Content> contents;
  // Of the one file.
  Crc64 crc64;
};

// The name of the one file.
inline constexpr absl::string_view kSpooledRest = "layer.tar";

// Writes a tar, which is pushed into it, to a directory. Not thread-safe.
class LayerSpool : public TarHandler {
 public:
  // From so many bytes on, a file's content is apart.
  static constexpr int64_t kLargeBytes = 256 << 10;

  // `stage` is empty.
  static absl::StatusOr<std::unique_ptr<LayerSpool>> Create(Directory stage);

  // Errors: those of TarStream, and what writing files meets.
  absl::Status Append(absl::string_view tar);

  // All of the tar was given. Once, last.
  absl::StatusOr<SpooledTar> Finish();

  absl::Status OnRaw(absl::string_view bytes) override;
  absl::Status OnEntry(const TarEntry& entry) override;
  absl::Status OnContent(int64_t offset, absl::string_view bytes) override;
  absl::Status OnEntryEnd() override;

 private:
  LayerSpool(Directory stage, UniqueFd rest)
      : stage_(std::move(stage)), rest_(std::move(rest)), tar_(*this) {}

  const Directory stage_;
  const UniqueFd rest_;
  TarStream tar_;
  Digester digester_;
  int64_t size_bytes_ = 0;
  int64_t rest_bytes_ = 0;
  Crc64 crc64_;
  std::vector<SpooledTar::Content> contents_;

  // Of the entry that is read.
  bool is_sparse_ = false;
  UniqueFd content_;  // where it is apart
};

// Gives `writer` the tar that was written to `stage`. The last time, large files are moved away;
// otherwise they are copied.
// Errors: those of LayerWriter; DATA_LOSS (CONTENT_MISMATCH) for what is not read back as it was.
absl::Status Unspool(const Directory& stage, const SpooledTar& spooled, bool is_last_time,
                     LayerWriter& writer);

}  // namespace holkas

#endif  // HOLKAS_WORKER_STORAGE_LAYER_SPOOL_H_
