#include "worker/storage/layer_writer.h"

#include <fcntl.h>

#include <utility>

#include "proto/wire/status_macros.h"

namespace holkas {

absl::StatusOr<std::unique_ptr<LayerWriter>> LayerWriter::Create(
    const Directory& stage, WhiteoutForm whiteouts, LayerRights rights, Sha256Pairing* pairing,
    std::optional<Digest> known_digest) {
  ASSIGN_OR_RETURN(Directory files, stage.MakeOrOpenDirectory(kStagedFiles, 0700));
  ASSIGN_OR_RETURN(UniqueFd tar_split,
                   stage.OpenFile(kStagedTarSplit, O_WRONLY | O_CREAT | O_EXCL, 0600));
  return std::unique_ptr<LayerWriter>(new LayerWriter(std::move(files), std::move(tar_split),
                                                      whiteouts, std::move(rights), pairing,
                                                      std::move(known_digest)));
}

LayerWriter::LayerWriter(Directory files, UniqueFd tar_split, WhiteoutForm whiteouts,
                         LayerRights rights, Sha256Pairing* pairing,
                         std::optional<Digest> known_digest)
    : tar_split_(std::move(tar_split)),
      unpacker_(std::move(files), whiteouts, std::move(rights), tar_split_),
      tar_(unpacker_),
      known_digest_(std::move(known_digest)),
      digester_("sha256", pairing) {}

absl::Status LayerWriter::Append(absl::string_view tar) {
  size_bytes_ += static_cast<int64_t>(tar.size());
  if (known_digest_.has_value()) {
    return tar_.Append(tar);
  }
  digester_.Begin(tar);
  absl::Status status = tar_.Append(tar);
  digester_.Await();
  return status;
}

absl::StatusOr<bool> LayerWriter::MoveContent(const Directory& from, const std::string& name,
                                              int64_t size_bytes, const Crc64& crc64) {
  ASSIGN_OR_RETURN(const bool is_moved, unpacker_.MoveContent(from, name, crc64));
  if (is_moved) {
    size_bytes_ += size_bytes;
    RETURN_IF_ERROR(tar_.EndContent(size_bytes));
  }
  return is_moved;
}

absl::StatusOr<LayerContent> LayerWriter::Finish() {
  RETURN_IF_ERROR(tar_.Finish());
  RETURN_IF_ERROR(unpacker_.Finish());
  RETURN_IF_ERROR(tar_split_.Finish());
  Digest digest = known_digest_.has_value() ? *known_digest_ : digester_.Finish();
  return LayerContent{std::move(digest), size_bytes_, unpacker_.uids(), unpacker_.gids()};
}

}  // namespace holkas
