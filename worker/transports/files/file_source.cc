#include "worker/transports/files/file_source.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

absl::Status TooLarge(absl::string_view what, int64_t max_bytes) {
  return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                   absl::StrCat("read ", what, ": more than ", max_bytes, " bytes"));
}

}  // namespace

absl::StatusOr<size_t> FileSource::Read(absl::Span<char> buffer) {
  while (true) {
    ssize_t count = read(fd_.get(), buffer.data(), buffer.size());
    if (count >= 0) {
      return static_cast<size_t>(count);
    }
    if (errno != EINTR) {
      return ErrnoError(errno, "read file");
    }
  }
}

absl::StatusOr<int64_t> FileSource::SizeBytes() {
  off_t position = lseek(fd_.get(), 0, SEEK_CUR);
  off_t end = lseek(fd_.get(), 0, SEEK_END);
  if (position < 0 || end < 0 || lseek(fd_.get(), position, SEEK_SET) < 0) {
    return ErrnoError(errno, "seek file");
  }
  return int64_t{end};
}

absl::StatusOr<std::unique_ptr<ByteSource>> OpenBlobFile(Broker& broker, broker::Place place,
                                                         const Descriptor& blob) {
  absl::StatusOr<UniqueFd> fd = broker.OpenFile(place, broker::FILE_KIND_BLOB, blob.digest);
  if (fd.status().code() == absl::StatusCode::kNotFound) {
    return MakeError(absl::StatusCode::kNotFound, "BLOB_UNKNOWN",
                     absl::StrCat("open blob ", blob.digest.ToString(), ": no such file"));
  }
  RETURN_IF_ERROR(WithContext(fd.status(), absl::StrCat("open blob ", blob.digest.ToString())));
  auto source = std::make_unique<FileSource>(*std::move(fd));
  ASSIGN_OR_RETURN(int64_t size_bytes, source->SizeBytes());
  if (blob.size_bytes >= 0 && size_bytes != blob.size_bytes) {
    return MakeError(absl::StatusCode::kDataLoss, "CONTENT_MISMATCH",
                     absl::StrCat("read blob ", blob.digest.ToString(), ": got ", size_bytes,
                                  " bytes, want ", blob.size_bytes));
  }
  return source;
}

absl::StatusOr<std::string> ReadWholeFile(FileSource& source, int64_t max_bytes,
                                          absl::string_view what) {
  ASSIGN_OR_RETURN(int64_t size_bytes, source.SizeBytes());
  if (size_bytes > max_bytes) {
    return TooLarge(what, max_bytes);
  }
  // One byte more than the file has, so that one read also sees its end.
  std::string bytes(static_cast<size_t>(size_bytes) + 1, '\0');
  size_t done = 0;
  while (true) {
    ASSIGN_OR_RETURN(size_t count, source.Read(absl::MakeSpan(bytes).subspan(done)));
    done += count;
    if (count == 0) {
      break;
    }
    if (done == bytes.size()) {
      if (done > static_cast<size_t>(max_bytes)) {
        return TooLarge(what, max_bytes);
      }
      bytes.resize(std::min<size_t>(2 * done, static_cast<size_t>(max_bytes) + 1));
    }
  }
  bytes.resize(done);
  return bytes;
}

absl::StatusOr<std::string> ReadWholeFile(Broker& broker, broker::Place place,
                                          broker::FileKind kind,
                                          const std::optional<Digest>& digest, int64_t max_bytes,
                                          absl::string_view what) {
  absl::StatusOr<UniqueFd> fd = broker.OpenFile(place, kind, digest);
  RETURN_IF_ERROR(WithContext(fd.status(), absl::StrCat("open ", what)));
  FileSource source(*std::move(fd));
  return ReadWholeFile(source, max_bytes, what);
}

}  // namespace holkas
