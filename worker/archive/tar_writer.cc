#include "worker/archive/tar_writer.h"

#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/archive/tar_header.h"

namespace holkas {
namespace {

constexpr int kFileMode = 0444;
constexpr int kDirectoryMode = 0755;
// Two blocks of zeros end an archive.
constexpr int64_t kEndBytes = 2 * kTarBlockBytes;

std::string Zeros(int64_t size_bytes) { return std::string(static_cast<size_t>(size_bytes), '\0'); }

}  // namespace

absl::Status WriteAllAt(int fd, int64_t offset, absl::string_view data) {
  while (!data.empty()) {
    const ssize_t count = pwrite(fd, data.data(), data.size(), offset);
    if (count < 0) {
      if (errno == EINTR) {
        continue;
      }
      return ErrnoError(errno, "write archive");
    }
    data.remove_prefix(static_cast<size_t>(count));
    offset += count;
  }
  return absl::OkStatus();
}

std::string TarFileHeader(absl::string_view name, int64_t size_bytes) {
  return FormatTarHeader({kTarFile, std::string(name), "", size_bytes, false}, kFileMode);
}

absl::Status TarWriter::Append(absl::string_view data) {
  RETURN_IF_ERROR(WriteAllAt(fd_, offset_, data));
  offset_ += static_cast<int64_t>(data.size());
  return absl::OkStatus();
}

absl::Status TarWriter::AddFile(absl::string_view name, absl::string_view content) {
  const int64_t size_bytes = static_cast<int64_t>(content.size());
  return Append(
      absl::StrCat(TarFileHeader(name, size_bytes), content, Zeros(TarPadding(size_bytes))));
}

absl::Status TarWriter::AddSymlink(absl::string_view name, absl::string_view target) {
  return Append(
      FormatTarHeader({kTarSymlink, std::string(name), std::string(target), 0, false}, 0));
}

absl::Status TarWriter::AddDirectory(absl::string_view name) {
  return Append(FormatTarHeader({kTarDirectory, std::string(name), "", 0, false}, kDirectoryMode));
}

absl::Status TarWriter::Finish() { return Append(Zeros(kEndBytes)); }

}  // namespace holkas
