#ifndef HOLKAS_WORKER_STORAGE_LAYER_WRITER_H_
#define HOLKAS_WORKER_STORAGE_LAYER_WRITER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/wire/digest.h"
#include "proto/wire/digester.h"
#include "proto/wire/sha256_pairing.h"
#include "worker/storage/crc64.h"
#include "worker/storage/directory.h"
#include "worker/storage/layer_unpacker.h"
#include "worker/storage/tar_split.h"
#include "worker/storage/tar_stream.h"

namespace holkas {

// What a layer's tar was found to be.
struct LayerContent {
  Digest diff_digest;
  int64_t size_bytes = 0;
  std::set<uint32_t> uids;
  std::set<uint32_t> gids;
};

// The names in a staged layer's directory.
inline constexpr absl::string_view kStagedFiles = "files";
inline constexpr absl::string_view kStagedTarSplit = "tar-split.gz";

// Unpacks a layer's tar, which is pushed into it, to `files` in a directory, with its tar-split
// beside, and finds its digest. Not thread-safe.
class LayerWriter {
 public:
  // `stage` is empty, or has `files` already, on top of which the layer is unpacked. `pairing` may
  // be null; else it outlives the writer. `known_digest` is the tar's where the caller knows that
  // it is: it is not found again.
  static absl::StatusOr<std::unique_ptr<LayerWriter>> Create(
      const Directory& stage, WhiteoutForm whiteouts, OpaqueMarker mark_opaque,
      Sha256Pairing* pairing, std::optional<Digest> known_digest = std::nullopt);

  // See LayerUnpacker.
  void TakeFrom(LayerBudget& budget) { unpacker_.TakeFrom(budget); }

  // Errors: those of TarStream and LayerUnpacker.
  absl::Status Append(absl::string_view tar);

  // In place of the content of the entry whose header was given: takes it from a file, which is
  // moved away. False where it must be given as bytes. For a tar whose digest is known.
  absl::StatusOr<bool> MoveContent(const Directory& from, const std::string& name,
                                   int64_t size_bytes, const Crc64& crc64);

  // All of the tar was given. Once, last.
  absl::StatusOr<LayerContent> Finish();

 private:
  LayerWriter(Directory files, UniqueFd tar_split, WhiteoutForm whiteouts, OpaqueMarker mark_opaque,
              Sha256Pairing* pairing, std::optional<Digest> known_digest);

  TarSplitWriter tar_split_;
  LayerUnpacker unpacker_;
  TarStream tar_;
  const std::optional<Digest> known_digest_;
  Digester digester_;
  int64_t size_bytes_ = 0;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_STORAGE_LAYER_WRITER_H_
