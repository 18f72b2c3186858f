#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "service/broker/archive_writer.h"
#include "service/broker/destination.h"
#include "service/broker/file_content.h"
#include "service/broker/image_directory.h"
#include "service/broker/image_writer.h"
#include "service/broker/staging_directory.h"
#include "service/broker/violation.h"

namespace holkas {
namespace {

constexpr char kNotNew[] = "docker-archive doesn't support modifying existing images";

// A file that a worker writes: without a name where the file system can have one, else with a
// staging name. Its lock tells sweeps that somebody owns it; what is not published goes with it.
class StagedFile {
 public:
  // Makes one in the directory `parent`; `prefix` as StagingDirectory has it.
  static absl::StatusOr<StagedFile> Create(int parent, const std::string& prefix);
  StagedFile(StagedFile&&) = default;
  ~StagedFile() {
    if (read_.valid() && !name_.empty()) {
      unlinkat(parent_, name_.c_str(), 0);
    }
  }

  // Gives it the name `name`, which nothing may have: EEXIST otherwise. 0, or an error number.
  int NameNew(const std::string& name);
  // Gives it the name `name`, in the place of what has it.
  int NameOver(const std::string& name, const std::string& prefix);

  int read_fd() const { return read_.get(); }
  UniqueFd TakeWriteFd() { return std::move(write_); }

 private:
  StagedFile(int parent, UniqueFd write, std::string name)
      : parent_(parent), write_(std::move(write)), name_(std::move(name)) {}
  int LinkTo(const std::string& name);

  int parent_;
  UniqueFd write_;
  UniqueFd read_;
  std::string name_;
};

absl::StatusOr<StagedFile> StagedFile::Create(int parent, const std::string& prefix) {
  constexpr int kFlags = O_WRONLY | O_CLOEXEC;
  UniqueFd write(openat(parent, ".", O_TMPFILE | kFlags, 0644));
  std::string name;
  if (!write.valid() && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT)) {
    name = RandomName(prefix);
    write.reset(openat(parent, name.c_str(), O_CREAT | O_EXCL | kFlags, 0644));
  }
  if (!write.valid()) {
    return FileError(errno, "create", "a file at the destination");
  }
  StagedFile file(parent, std::move(write), std::move(name));
  file.read_.reset(
      open(absl::StrCat("/proc/self/fd/", file.write_.get()).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.read_.valid()) {
    return FileError(errno, "open", "a file at the destination");
  }
  // Where the file system knows no locks, no sweep removes anything.
  (void)flock(file.read_.get(), LOCK_SH | LOCK_NB);
  return file;
}

int StagedFile::LinkTo(const std::string& name) {
  const std::string path = absl::StrCat("/proc/self/fd/", read_.get());
  return linkat(AT_FDCWD, path.c_str(), parent_, name.c_str(), AT_SYMLINK_FOLLOW) == 0 ? 0 : errno;
}

int StagedFile::NameNew(const std::string& name) {
  return name_.empty()                                                   ? LinkTo(name)
         : linkat(parent_, name_.c_str(), parent_, name.c_str(), 0) == 0 ? 0
                                                                         : errno;
}

int StagedFile::NameOver(const std::string& name, const std::string& prefix) {
  if (name_.empty()) {
    std::string staged = RandomName(prefix);
    if (const int error = LinkTo(staged); error != 0) {
      return error;
    }
    name_ = std::move(staged);
  }
  if (renameat(parent_, name_.c_str(), parent_, name.c_str()) != 0) {
    return errno;
  }
  name_.clear();
  return 0;
}

class FileWriter : public ArchiveWriter {
 public:
  FileWriter(std::string path, bool must_be_new)
      : path_(std::move(path)), must_be_new_(must_be_new) {}

  absl::Status Check() override;
  absl::StatusOr<CreatedFile> CreateFile(int64_t size_bytes) override;
  absl::Status DropFile(uint32_t id) override;
  absl::Status Publish(uint32_t file_id, const Cancellation& cancellation) override;

 private:
  // Whether what is at the destination, if anything, may be replaced. Result: whether there is
  // something; its permissions in `mode`.
  absl::StatusOr<bool> CheckOld(const Destination& destination, mode_t& mode) const;
  // Makes sure that nobody can write to the file any more, by a copy where it must be.
  absl::Status Seal(const Cancellation& cancellation) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Name() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string path_;
  const bool must_be_new_;
  absl::Mutex mutex_;
  Destination destination_ ABSL_GUARDED_BY(mutex_);
  UniqueFd parent_ ABSL_GUARDED_BY(mutex_);
  uint32_t last_id_ ABSL_GUARDED_BY(mutex_) = 0;
  // The file with that number.
  std::optional<StagedFile> file_ ABSL_GUARDED_BY(mutex_);
};

absl::StatusOr<bool> FileWriter::CheckOld(const Destination& destination, mode_t& mode) const {
  struct stat status = {};
  if (lstat(destination.path().c_str(), &status) != 0) {
    return errno == ENOENT ? absl::StatusOr<bool>(false) : FileError(errno, "lstat", path_);
  }
  if (!S_ISREG(status.st_mode)) {
    return DestinationConflict(absl::StrCat(
        "open ", path_, S_ISDIR(status.st_mode) ? ": is a directory" : ": not a regular file"));
  }
  if (must_be_new_ && status.st_size > 0) {
    return DestinationConflict(kNotNew);
  }
  if (access(destination.path().c_str(), W_OK) != 0) {
    return FileError(errno, "open", path_);
  }
  mode = status.st_mode & 07777;
  return true;
}

absl::Status FileWriter::Check() {
  ASSIGN_OR_RETURN(const Destination destination, Destination::Resolve(path_));
  mode_t ignored = 0;
  return CheckOld(destination, ignored).status();
}

absl::StatusOr<CreatedFile> FileWriter::CreateFile(int64_t /*size_bytes*/) {
  absl::MutexLock lock(&mutex_);
  if (file_.has_value()) {
    return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                     "archives being written at once: more than 1");
  }
  if (!parent_.valid()) {
    ASSIGN_OR_RETURN(destination_, Destination::Resolve(path_));
    ASSIGN_OR_RETURN(parent_, OpenRoot(destination_.parent, "the directory of the destination"));
    SweepStaging(parent_.get(), destination_.StagingPrefix());
  }
  ASSIGN_OR_RETURN(StagedFile file,
                   StagedFile::Create(parent_.get(), destination_.StagingPrefix()));
  CreatedFile created{++last_id_, file.TakeWriteFd()};
  file_.emplace(std::move(file));
  return created;
}

absl::Status FileWriter::DropFile(uint32_t id) {
  absl::MutexLock lock(&mutex_);
  if (id == 0 || id > last_id_) {
    return Violation("a file is dropped that never was");
  }
  if (id == last_id_) {
    file_.reset();
  }
  return absl::OkStatus();
}

absl::Status FileWriter::Seal(const Cancellation& cancellation) {
  const absl::StatusOr<bool> has_writer = HasWriter(file_->read_fd());
  if (has_writer.ok()) {
    return *has_writer ? Violation("a file is published that is still open for writing")
                       : absl::OkStatus();
  }
  struct stat status = {};
  if (fstat(file_->read_fd(), &status) != 0) {
    return FileError(errno, "stat", "a file");
  }
  ASSIGN_OR_RETURN(StagedFile copy,
                   StagedFile::Create(parent_.get(), destination_.StagingPrefix()));
  const UniqueFd write = copy.TakeWriteFd();
  RETURN_IF_ERROR(CopyContent(file_->read_fd(), write.get(), status.st_size, cancellation));
  file_.emplace(std::move(copy));
  return absl::OkStatus();
}

absl::Status FileWriter::Name() {
  mode_t mode = 0;
  ASSIGN_OR_RETURN(const bool exists, CheckOld(destination_, mode));
  int error = 0;
  if (exists) {
    if (fchmod(file_->read_fd(), mode) != 0) {
      return FileError(errno, "chmod", "a file");
    }
    error = file_->NameOver(destination_.name, destination_.StagingPrefix());
  } else {
    error = file_->NameNew(destination_.name);
  }
  if (error == EEXIST && must_be_new_) {
    return DestinationConflict(kNotNew);
  }
  if (error == EEXIST) {
    error = file_->NameOver(destination_.name, destination_.StagingPrefix());
  }
  return error == 0 ? absl::OkStatus() : FileError(error, "rename", destination_.name);
}

absl::Status FileWriter::Publish(uint32_t file_id, const Cancellation& cancellation) {
  absl::MutexLock lock(&mutex_);
  if (!file_.has_value() || file_id != last_id_) {
    return Violation("a file is published that is not being written");
  }
  RETURN_IF_ERROR(Seal(cancellation));
  if (fsync(file_->read_fd()) != 0) {
    return FileError(errno, "fsync", "a file");
  }
  if (cancellation.cancelled()) {
    return absl::CancelledError("publish: cancelled");
  }
  RETURN_IF_ERROR(Name());
  file_.reset();
  return SyncDirectory(parent_.get());
}

}  // namespace

std::unique_ptr<ImageWriter> NewFileWriter(const std::string& path, bool must_be_new) {
  return std::make_unique<FileWriter>(path, must_be_new);
}

}  // namespace holkas
