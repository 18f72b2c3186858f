#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <set>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "proto/wire/error.h"
#include "proto/wire/sha256_pairing.h"
#include "proto/wire/status_macros.h"
#include "service/broker/destination.h"
#include "service/broker/file_content.h"
#include "service/broker/image_directory.h"
#include "service/broker/image_writer.h"
#include "service/broker/violation.h"

namespace holkas {
namespace {

constexpr char kManifest[] = "manifest.json";
constexpr char kVersion[] = "version";
constexpr char kVersionText[] = "Directory Transport Version: 1.1\n";
constexpr char kVersionTextOtherAlgorithms[] = "Directory Transport Version: 1.2\n";
constexpr size_t kMaxVersionBytes = 64;
// How often something else may appear or vanish under the destination's name while it is changed.
constexpr int kExchangeTries = 4;

// Whether `directory` has the `version` file of an image directory that we know.
bool HasKnownVersion(int directory) {
  absl::StatusOr<UniqueFd> file = OpenRegularBeneath(directory, kVersion);
  char text[kMaxVersionBytes];
  ssize_t size = file.ok() ? read(file->get(), text, sizeof(text)) : -1;
  absl::string_view content(text, size < 0 ? 0 : size);
  return content == kVersionText || content == kVersionTextOtherAlgorithms;
}

absl::Status CheckIsImageDirectory(int directory) {
  if (ForeignEntries(directory).empty() || HasKnownVersion(directory)) {
    return absl::OkStatus();
  }
  return DestinationConflict(
      "not a containers image directory, don't want to overwrite important data");
}

class DirWriter : public ImageWriter {
 public:
  DirWriter(std::string path, int max_open_files)
      : path_(std::move(path)), max_open_files_(max_open_files) {}

  absl::Status Check() override;
  absl::StatusOr<UniqueFd> OpenFile(broker::FileKind kind,
                                    const std::optional<Digest>& digest) override;
  absl::StatusOr<bool> HasBlob(const Digest& digest, int64_t size_bytes,
                               const Cancellation& cancellation) override;
  absl::StatusOr<CreatedFile> CreateFile(int64_t size_bytes) override;
  absl::StatusOr<Digest> HashFile(uint32_t id, int64_t size_bytes,
                                  const Cancellation& cancellation) override;
  absl::Status CommitFile(uint32_t id, broker::FileKind kind, const Digest& digest,
                          int64_t size_bytes, const Cancellation& cancellation) override;
  absl::Status DropFile(uint32_t id) override;
  absl::Status BeginPublish(std::function<void()>) override {
    return Violation("an image directory has no list of images");
  }
  absl::StatusOr<std::optional<PublishStart>> TryLock() override { return std::nullopt; }
  void GiveUpLock() override {}
  bool has_lock() const override { return false; }
  absl::Status RemoveBlob(Digest) override {
    return Violation("an image directory has no list of images");
  }
  absl::Status Publish(uint32_t file_id, int64_t size_bytes,
                       const Cancellation& cancellation) override;

 private:
  // The staging directory, made when it is first needed.
  absl::StatusOr<StagedFiles*> Staged();
  // Puts the staging directory in the place of the destination.
  absl::Status Exchange(StagedFiles& staged) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status ExchangeOnce(StagedFiles& staged, bool& again) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Moves the files into the destination, the manifest last, where it cannot be renamed itself.
  absl::Status MoveInto(int to, StagedFiles& staged);

  const std::string path_;
  const int max_open_files_;
  Sha256Pairing pairing_;
  absl::Mutex mutex_;
  Destination destination_ ABSL_GUARDED_BY(mutex_);
  bool within_ ABSL_GUARDED_BY(mutex_) = false;
  bool other_algorithms_ ABSL_GUARDED_BY(mutex_) = false;
  std::unique_ptr<StagedFiles> staged_ ABSL_GUARDED_BY(mutex_);
};

absl::Status DirWriter::Check() {
  ASSIGN_OR_RETURN(Destination destination, Destination::Resolve(path_));
  if (!destination.exists) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(UniqueFd root, OpenRoot(path_, path_));
  return CheckIsImageDirectory(root.get());
}

absl::StatusOr<StagedFiles*> DirWriter::Staged() {
  absl::MutexLock lock(&mutex_);
  if (staged_ != nullptr) {
    return staged_.get();
  }
  ASSIGN_OR_RETURN(destination_, Destination::Resolve(path_));
  within_ = destination_.exists && destination_.IsMountPoint();
  absl::StatusOr<std::unique_ptr<StagingDirectory>> staging =
      within_ ? destination_.StageWithin() : destination_.StageBeside();
  if (absl::IsPermissionDenied(staging.status()) && destination_.exists && !within_) {
    within_ = true;
    staging = destination_.StageWithin();
  }
  RETURN_IF_ERROR(staging.status());
  staged_ = std::make_unique<StagedFiles>(*std::move(staging), max_open_files_);
  return staged_.get();
}

absl::StatusOr<UniqueFd> DirWriter::OpenFile(broker::FileKind kind,
                                             const std::optional<Digest>& digest) {
  ASSIGN_OR_RETURN(std::string name, FileName(PathKind::kDir, kind, digest));
  {
    absl::MutexLock lock(&mutex_);
    if (staged_ != nullptr && staged_->Has(name)) {
      return OpenRegularBeneath(staged_->directory().fd(), name);
    }
  }
  ASSIGN_OR_RETURN(UniqueFd root, OpenRoot(path_, name));
  return OpenRegularBeneath(root.get(), name);
}

absl::StatusOr<bool> DirWriter::HasBlob(const Digest& digest, int64_t size_bytes,
                                        const Cancellation& cancellation) {
  ASSIGN_OR_RETURN(std::string name, FileName(PathKind::kDir, broker::FILE_KIND_BLOB, digest));
  ASSIGN_OR_RETURN(StagedFiles * staged, Staged());
  if (staged->Has(name)) {
    return true;
  }
  absl::StatusOr<UniqueFd> root = OpenRoot(path_, name);
  absl::StatusOr<UniqueFd> file = root.ok() ? OpenRegularBeneath(root->get(), name) : root.status();
  if (!file.ok()) {
    return false;
  }
  absl::Status content = CheckContent(file->get(), digest, size_bytes, cancellation, pairing_);
  if (absl::IsCancelled(content)) {
    return content;
  }
  // The old image's file, under a second name: the new image does not depend on the old one.
  return content.ok() && fsync(file->get()) == 0 && staged->Adopt(file->get(), name).ok();
}

absl::StatusOr<CreatedFile> DirWriter::CreateFile(int64_t size_bytes) {
  ASSIGN_OR_RETURN(StagedFiles * staged, Staged());
  return staged->Create(size_bytes);
}

absl::StatusOr<Digest> DirWriter::HashFile(uint32_t id, int64_t size_bytes,
                                           const Cancellation& cancellation) {
  ASSIGN_OR_RETURN(StagedFiles * staged, Staged());
  return staged->Hash(id, size_bytes, cancellation);
}

absl::Status DirWriter::CommitFile(uint32_t id, broker::FileKind kind, const Digest& digest,
                                   int64_t size_bytes, const Cancellation& cancellation) {
  ASSIGN_OR_RETURN(StagedFiles * staged, Staged());
  std::string name = kManifest;
  if (kind != broker::FILE_KIND_ROOT) {
    if (kind != broker::FILE_KIND_BLOB && kind != broker::FILE_KIND_MANIFEST) {
      return Violation("a file is committed as what it cannot be");
    }
    ASSIGN_OR_RETURN(name, FileName(PathKind::kDir, kind, digest));
    absl::MutexLock lock(&mutex_);
    other_algorithms_ = other_algorithms_ || digest.algorithm() != "sha256";
  }
  return staged->Commit(id, name, digest, size_bytes, cancellation);
}

absl::Status DirWriter::DropFile(uint32_t id) {
  ASSIGN_OR_RETURN(StagedFiles * staged, Staged());
  return staged->Drop(id);
}

absl::Status DirWriter::Publish(uint32_t file_id, int64_t /*size_bytes*/,
                                const Cancellation& cancellation) {
  absl::MutexLock lock(&mutex_);
  if (file_id != 0 || staged_ == nullptr || !staged_->Has(kManifest)) {
    return Violation("an image directory is published without a manifest");
  }
  staged_->DropAll();
  RETURN_IF_ERROR(
      staged_->Write(kVersion, other_algorithms_ ? kVersionTextOtherAlgorithms : kVersionText));
  RETURN_IF_ERROR(SyncDirectory(staged_->directory().fd()));
  if (cancellation.cancelled()) {
    return absl::CancelledError("publish: cancelled");
  }
  return within_ ? MoveInto(staged_->directory().parent(), *staged_) : Exchange(*staged_);
}

absl::Status DirWriter::ExchangeOnce(StagedFiles& staged, bool& again) {
  StagingDirectory& staging = staged.directory();
  const char* name = destination_.name.c_str();
  int parent = staging.parent();
  UniqueFd old(openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!old.valid() && errno != ENOENT) {
    return FileError(errno, "open", destination_.name);
  }
  if (!old.valid()) {
    if (renameat2(parent, staging.name().c_str(), parent, name, RENAME_NOREPLACE) == 0) {
      staging.Release();
      return absl::OkStatus();
    }
  } else {
    RETURN_IF_ERROR(CheckIsImageDirectory(old.get()));
    struct stat status = {};
    if (fstat(old.get(), &status) == 0) {
      fchmod(staging.fd(), status.st_mode & 07777);
    }
    if (renameat2(parent, staging.name().c_str(), parent, name, RENAME_EXCHANGE) == 0) {
      // The staging directory's name is now the old image's, which goes with the writer.
      return absl::OkStatus();
    }
    if (errno == EINVAL || errno == EBUSY || errno == EXDEV) {
      return MoveInto(old.get(), staged);
    }
  }
  again = errno == EEXIST || errno == ENOENT;
  return FileError(errno, "rename", destination_.name);
}

absl::Status DirWriter::Exchange(StagedFiles& staged) {
  absl::Status status;
  bool again = true;
  for (int i = 0; i < kExchangeTries && again; ++i) {
    again = false;
    status = ExchangeOnce(staged, again);
  }
  RETURN_IF_ERROR(status);
  return SyncDirectory(staged.directory().parent());
}

absl::Status DirWriter::MoveInto(int to, StagedFiles& staged) {
  int from = staged.directory().fd();
  RETURN_IF_ERROR(CheckIsImageDirectory(to));
  std::set<std::string> names = staged.Names();
  auto move = [&](const std::string& name) {
    return renameat(from, name.c_str(), to, name.c_str()) == 0 ? absl::OkStatus()
                                                               : FileError(errno, "rename", name);
  };
  // Files are named by their content: those of the old image are not changed by it.
  for (const std::string& name : names) {
    if (name != kManifest) {
      RETURN_IF_ERROR(move(name));
    }
  }
  RETURN_IF_ERROR(SyncDirectory(to));
  RETURN_IF_ERROR(move(kManifest));
  RETURN_IF_ERROR(SyncDirectory(to));
  for (const std::string& name : ForeignEntries(to)) {
    if (names.count(name) == 0) {
      RemoveTree(to, name);
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::unique_ptr<ImageWriter> NewDirWriter(const std::string& path, int max_open_files) {
  return std::make_unique<DirWriter>(path, max_open_files);
}

}  // namespace holkas
