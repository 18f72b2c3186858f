#include "service/broker/staged_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "service/broker/image_directory.h"
#include "service/broker/limit_exceeded.h"
#include "service/broker/violation.h"

namespace holkas {
namespace {

// More than the manifests and blobs of the largest index that a worker reads.
constexpr size_t kMaxNames = 100'000;

absl::StatusOr<int64_t> SizeOf(int fd) {
  struct stat status = {};
  if (fstat(fd, &status) != 0) {
    return ErrnoError(errno, "stat file");
  }
  return status.st_size;
}

absl::Status Sync(int fd) {
  return fsync(fd) == 0 ? absl::OkStatus() : FileError(errno, "fsync", "a file");
}

}  // namespace

StagedFiles::StagedFiles(std::unique_ptr<StagingDirectory> directory, int max_open,
                         WriterCheck has_writer, uint32_t last_id)
    : directory_(std::move(directory)),
      max_open_(max_open),
      has_writer_(has_writer),
      first_id_(last_id + 1),
      last_id_(last_id) {}

StagedFiles::~StagedFiles() = default;

absl::StatusOr<CreatedFile> StagedFiles::Create(int64_t size_bytes) {
  absl::MutexLock lock(&mutex_);
  if (static_cast<int>(writing_.size()) >= max_open_) {
    return LimitExceeded("files being written at once", max_open_);
  }
  ASSIGN_OR_RETURN(StagingDirectory::File file, directory_->CreateFile());
  CreatedFile created{++last_id_, std::move(file.write)};
  writing_[created.id] = Writing{std::move(file), size_bytes};
  return created;
}

absl::StatusOr<StagedFiles::Writing> StagedFiles::Take(uint32_t id) {
  absl::MutexLock lock(&mutex_);
  auto found = writing_.find(id);
  if (found == writing_.end()) {
    return Violation("a file is committed that is not being written");
  }
  Writing writing = std::move(found->second);
  writing_.erase(found);
  return writing;
}

absl::Status StagedFiles::Seal(Writing& writing, int64_t size_bytes,
                               const Cancellation& cancellation) {
  absl::StatusOr<bool> has_writer = has_writer_(writing.file.read.get());
  if (has_writer.ok()) {
    return *has_writer ? Violation("a file is committed that is still open for writing")
                       : absl::OkStatus();
  }
  StagingDirectory::File copy;
  {
    absl::MutexLock lock(&mutex_);
    ASSIGN_OR_RETURN(copy, directory_->CreateFile());
  }
  RETURN_IF_ERROR(CopyContent(writing.file.read.get(), copy.write.get(), size_bytes, cancellation));
  copy.write.reset();
  directory_->DropFile(writing.file);
  writing.file = std::move(copy);
  return absl::OkStatus();
}

absl::Status StagedFiles::Close(Writing& writing, int64_t size_bytes,
                                const Cancellation& cancellation) {
  if (writing.max_bytes >= 0 && size_bytes > writing.max_bytes) {
    return MakeError(absl::StatusCode::kDataLoss, "CONTENT_MISMATCH",
                     absl::StrCat("got ", size_bytes, " bytes, want ", writing.max_bytes));
  }
  RETURN_IF_ERROR(Seal(writing, size_bytes, cancellation));
  // The disk writes while the processor hashes.
  sync_file_range(writing.file.read.get(), 0, 0, SYNC_FILE_RANGE_WRITE);
  return absl::OkStatus();
}

absl::StatusOr<Digest> StagedFiles::Hash(uint32_t id, int64_t size_bytes,
                                         const Cancellation& cancellation) {
  ASSIGN_OR_RETURN(Writing writing, Take(id));
  const auto hash = [&]() -> absl::StatusOr<Digest> {
    RETURN_IF_ERROR(Close(writing, size_bytes, cancellation));
    return HashContent(writing.file.read.get(), size_bytes, cancellation, pairing_,
                       OthersAreWritten());
  };
  absl::StatusOr<Digest> digest = hash();
  absl::MutexLock lock(&mutex_);
  if (!digest.ok()) {
    directory_->DropFile(writing.file);
    return digest.status();
  }
  writing.digest = *digest;
  writing.size_bytes = size_bytes;
  writing_[id] = std::move(writing);
  return digest;
}

absl::Status StagedFiles::Check(Writing& writing, const Digest& digest, int64_t size_bytes,
                                const Cancellation& cancellation) {
  if (writing.digest.has_value()) {
    return *writing.digest == digest && writing.size_bytes == size_bytes
               ? absl::OkStatus()
               : MakeError(absl::StatusCode::kDataLoss, "CONTENT_MISMATCH",
                           absl::StrCat("blob ", digest.ToString(), ": it is ",
                                        writing.digest->ToString(), " of ", writing.size_bytes,
                                        " bytes"));
  }
  RETURN_IF_ERROR(WithContext(Close(writing, size_bytes, cancellation),
                              absl::StrCat("blob ", digest.ToString())));
  return CheckContent(writing.file.read.get(), digest, size_bytes, cancellation, pairing_,
                      OthersAreWritten());
}

bool StagedFiles::OthersAreWritten() const {
  absl::MutexLock lock(&mutex_);
  return !writing_.empty();
}

absl::Status StagedFiles::Name(const StagingDirectory::File& file, const std::string& name) {
  absl::MutexLock lock(&mutex_);
  if (names_.size() >= kMaxNames) {
    return LimitExceeded("files of one job", kMaxNames);
  }
  RETURN_IF_ERROR(directory_->NameFile(file, name));
  names_.insert(name);
  return absl::OkStatus();
}

absl::Status StagedFiles::Commit(uint32_t id, const std::string& name, const Digest& digest,
                                 int64_t size_bytes, const Cancellation& cancellation) {
  ASSIGN_OR_RETURN(Writing writing, Take(id));
  auto commit = [&]() -> absl::Status {
    RETURN_IF_ERROR(Check(writing, digest, size_bytes, cancellation));
    RETURN_IF_ERROR(Sync(writing.file.read.get()));
    return Name(writing.file, name);
  };
  absl::Status status = commit();
  if (!status.ok()) {
    directory_->DropFile(writing.file);
  }
  return status;
}

absl::Status StagedFiles::CommitUnknown(uint32_t id, const std::string& name, int64_t max_bytes,
                                        const Cancellation& cancellation) {
  ASSIGN_OR_RETURN(Writing writing, Take(id));
  auto commit = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(int64_t size, SizeOf(writing.file.read.get()));
    if (size > max_bytes) {
      return LimitExceeded("bytes of a list of images", max_bytes);
    }
    RETURN_IF_ERROR(Seal(writing, size, cancellation));
    RETURN_IF_ERROR(Sync(writing.file.read.get()));
    return Name(writing.file, name);
  };
  absl::Status status = commit();
  if (!status.ok()) {
    directory_->DropFile(writing.file);
  }
  return status;
}

absl::Status StagedFiles::Drop(uint32_t id) {
  absl::MutexLock lock(&mutex_);
  if (id < first_id_ || id > last_id_) {
    return Violation("a file is dropped that never was");
  }
  if (auto found = writing_.find(id); found != writing_.end()) {
    directory_->DropFile(found->second.file);
    writing_.erase(found);
  }
  return absl::OkStatus();
}

void StagedFiles::DropAll() {
  absl::MutexLock lock(&mutex_);
  for (const auto& [id, writing] : writing_) {
    directory_->DropFile(writing.file);
  }
  writing_.clear();
}

absl::Status StagedFiles::Write(const std::string& name, absl::string_view content) {
  StagingDirectory::File file;
  {
    absl::MutexLock lock(&mutex_);
    ASSIGN_OR_RETURN(file, directory_->CreateFile());
  }
  // So short that a write of a part is a full disk.
  ssize_t written = write(file.write.get(), content.data(), content.size());
  if (written != static_cast<ssize_t>(content.size())) {
    absl::Status status = FileError(written < 0 ? errno : ENOSPC, "write", name);
    directory_->DropFile(file);
    return status;
  }
  RETURN_IF_ERROR(Sync(file.write.get()));
  return Name(file, name);
}

absl::Status StagedFiles::Adopt(int read_fd, const std::string& name) {
  std::string path = absl::StrCat("/proc/self/fd/", read_fd);
  absl::MutexLock lock(&mutex_);
  if (linkat(AT_FDCWD, path.c_str(), directory_->fd(), name.c_str(), AT_SYMLINK_FOLLOW) != 0 &&
      errno != EEXIST) {
    return FileError(errno, "link", name);
  }
  names_.insert(name);
  return absl::OkStatus();
}

bool StagedFiles::Has(const std::string& name) const {
  absl::MutexLock lock(&mutex_);
  return names_.count(name) > 0;
}

void StagedFiles::Forget(const std::string& name) {
  absl::MutexLock lock(&mutex_);
  names_.erase(name);
}

std::set<std::string> StagedFiles::Names() const {
  absl::MutexLock lock(&mutex_);
  return names_;
}

}  // namespace holkas
