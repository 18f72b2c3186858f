#include "worker/storage/layer_tar_source.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/blob/compression.h"
#include "worker/blob/decompressing_source.h"
#include "worker/storage/tar_path.h"
#include "worker/transports/files/file_source.h"

namespace holkas {
namespace {

constexpr uint64_t kFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;

}  // namespace

absl::StatusOr<std::unique_ptr<ByteSource>> LayerTarSource::Open(Directory files,
                                                                 UniqueFd tar_split) {
  ASSIGN_OR_RETURN(std::unique_ptr<ByteSource> json,
                   DecompressingSource::New(std::make_unique<FileSource>(std::move(tar_split)),
                                            Compression::kGzip));
  return std::make_unique<LayerTarSource>(std::move(files),
                                          std::make_unique<TarSplitReader>(std::move(json)));
}

absl::StatusOr<size_t> LayerTarSource::Read(absl::Span<char> buffer) {
  if (left_bytes_ == 0) {
    ASSIGN_OR_RETURN(const bool there, NextEntry());
    if (!there) {
      return 0;
    }
  }
  if (entry_.kind == TarSplitEntry::Kind::kFile) {
    return ReadFile(buffer);
  }
  const size_t count = std::min(buffer.size(), static_cast<size_t>(left_bytes_));
  std::memcpy(buffer.data(), entry_.bytes.data() + entry_.bytes.size() - left_bytes_, count);
  left_bytes_ -= static_cast<int64_t>(count);
  return count;
}

absl::StatusOr<bool> LayerTarSource::NextEntry() {
  while (left_bytes_ == 0) {
    ASSIGN_OR_RETURN(std::optional<TarSplitEntry> entry, entries_->Next());
    if (!entry.has_value()) {
      return false;
    }
    entry_ = *std::move(entry);
    if (entry_.kind == TarSplitEntry::Kind::kSegment) {
      left_bytes_ = static_cast<int64_t>(entry_.bytes.size());
    } else if (entry_.size_bytes > 0) {
      RETURN_IF_ERROR(OpenFile());
      left_bytes_ = entry_.size_bytes;
    }
  }
  return true;
}

absl::Status LayerTarSource::OpenFile() {
  const std::string path = CleanTarPath(entry_.name);
  file_.reset(OpenBelow(files_.fd(), path, kFlags, 0, RESOLVE_NO_SYMLINKS));
  if (!file_.valid() && errno == ELOOP) {
    // A directory on the way may be a link, as it was when the layer was unpacked.
    const UniqueFd parent(OpenInRoot(files_.fd(), TarPathParent(path), 0));
    if (!parent.valid()) {
      return FileDiffers(std::strerror(errno));
    }
    file_.reset(OpenBelow(parent.get(), TarPathBase(path), kFlags, 0, RESOLVE_NO_SYMLINKS));
  }
  if (!file_.valid()) {
    return FileDiffers(std::strerror(errno));
  }
  struct stat info = {};
  if (fstat(file_.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return FileDiffers("it is no regular file");
  }
  if (info.st_size != entry_.size_bytes) {
    return FileDiffers(
        absl::StrCat("it has ", info.st_size, " bytes, its layer says ", entry_.size_bytes));
  }
  crc64_.Reset();
  return absl::OkStatus();
}

absl::StatusOr<size_t> LayerTarSource::ReadFile(absl::Span<char> buffer) {
  const size_t wanted = std::min(buffer.size(), static_cast<size_t>(left_bytes_));
  ssize_t count = -1;
  do {
    count = read(file_.get(), buffer.data(), wanted);
  } while (count < 0 && errno == EINTR);
  if (count < 0) {
    return ErrnoError(errno, absl::StrCat("read ", absl::CHexEscape(entry_.name)));
  }
  if (count == 0) {
    return FileDiffers("it was made shorter");
  }
  crc64_.Update(absl::string_view(buffer.data(), static_cast<size_t>(count)));
  left_bytes_ -= count;
  if (left_bytes_ == 0) {
    file_.reset();
    if (crc64_.Bytes() != entry_.crc64) {
      return FileDiffers("its checksum is another one");
    }
  }
  return static_cast<size_t>(count);
}

absl::Status LayerTarSource::FileDiffers(absl::string_view why) const {
  return MakeError(
      absl::StatusCode::kDataLoss, "CONTENT_MISMATCH",
      absl::StrCat("file ", absl::CHexEscape(absl::string_view(entry_.name).substr(0, 256)),
                   " of a layer: ", why));
}

}  // namespace holkas
