#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "proto/wire/error.h"
#include "proto/wire/sha256_pairing.h"
#include "proto/wire/status_macros.h"
#include "service/broker/destination.h"
#include "service/broker/file_content.h"
#include "service/broker/image_directory.h"
#include "service/broker/image_writer.h"
#include "service/broker/limit_exceeded.h"
#include "service/broker/made_directories.h"
#include "service/broker/violation.h"

namespace holkas {
namespace {

constexpr char kIndex[] = "index.json";
constexpr char kLayout[] = "oci-layout";
constexpr char kLayoutText[] = R"({"imageLayoutVersion": "1.0.0"})";
constexpr char kBlobs[] = "blobs";
// Some 200,000 images.
constexpr int64_t kMaxIndexBytes = 64 << 20;
// Where blobs have a staging directory of their own, the numbers of the list's files begin here: no
// job lasts long enough for so many blobs.
constexpr uint32_t kListIds = 1u << 30;
// How often a directory of shared blobs is made that another job, which had made it, takes away.
constexpr int kStageTries = 16;
constexpr char kSharedBlobs[] = "the directory of shared blobs";
// As many as a job may write.
constexpr size_t kMaxRemovedBlobs = 100'000;

// What tells one index.json from its successor.
struct IndexVersion {
  bool exists = false;
  dev_t device = 0;
  ino_t inode = 0;
  off_t size = 0;
  int64_t modified_ns = 0;
  int64_t changed_ns = 0;

  friend bool operator==(const IndexVersion&, const IndexVersion&) = default;
};

IndexVersion VersionOfIndex(int layout) {
  struct stat status = {};
  if (fstatat(layout, kIndex, &status, AT_SYMLINK_NOFOLLOW) != 0) {
    return {};
  }
  auto ns = [](const timespec& time) { return time.tv_sec * 1'000'000'000LL + time.tv_nsec; };
  return {true,           status.st_dev,      status.st_ino,
          status.st_size, ns(status.st_mtim), ns(status.st_ctim)};
}

// The entry of the directory `layout` that leads to `path`; empty where it is not beneath it.
std::string EntryTowards(const std::string& layout, const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path from = fs::weakly_canonical(layout, error);
  const fs::path to = fs::weakly_canonical(path, error);
  const fs::path relative = to.lexically_relative(from);
  const std::string first = relative.empty() ? "" : relative.begin()->string();
  return first == ".." || first == "." ? "" : first;
}

// Whether `directory` is a layout, or nothing yet but, maybe, the entry `passed_over`.
absl::Status CheckIsLayout(int directory, const std::string& passed_over) {
  std::vector<std::string> entries = ForeignEntries(directory);
  std::erase(entries, passed_over);
  auto has = [&entries](const char* name) {
    return std::find(entries.begin(), entries.end(), name) != entries.end();
  };
  if (entries.empty() || has(kLayout) || has(kIndex)) {
    return absl::OkStatus();
  }
  return DestinationConflict("not an OCI layout, and not empty");
}

absl::StatusOr<UniqueFd> OpenDirectory(int parent, const std::string& name) {
  UniqueFd fd(openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid()) {
    return FileError(errno, "open", name);
  }
  return fd;
}

// Opens the directory `name` in `parent`, making it where it is missing.
absl::StatusOr<UniqueFd> MakeDirectory(int parent, const std::string& name) {
  if (mkdirat(parent, name.c_str(), 0755) != 0 && errno != EEXIST) {
    return FileError(errno, "mkdir", name);
  }
  return OpenDirectory(parent, name);
}

// Removes a regular file; what is not there, or is none, stays as it is.
absl::Status RemoveRegular(int directory, const std::string& name, const Digest& digest) {
  struct stat status = {};
  if (fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 ||
      !S_ISREG(status.st_mode) || unlinkat(directory, name.c_str(), 0) == 0 || errno == ENOENT) {
    return absl::OkStatus();
  }
  return FileError(errno, "remove", digest.ToString());
}

std::string StagedName(const Digest& digest) {
  return absl::StrCat(digest.algorithm(), "-", digest.hex());
}

class OciWriter : public ImageWriter {
 public:
  OciWriter(std::string path, int max_open_files, LayoutLocks& locks, std::string shared_blobs,
            bool only_removes)
      : path_(std::move(path)),
        shared_blobs_(std::move(shared_blobs)),
        only_removes_(only_removes),
        max_open_files_(max_open_files),
        locks_(locks) {}
  ~OciWriter() override;

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
  absl::Status BeginPublish(std::function<void()> wake) override;
  absl::StatusOr<std::optional<PublishStart>> TryLock() override;
  void GiveUpLock() override;
  bool has_lock() const override { return has_lock_; }
  absl::Status RemoveBlob(Digest digest) override;
  absl::Status Publish(uint32_t file_id, const Cancellation& cancellation) override;

 private:
  bool shares_blobs() const { return !shared_blobs_.empty(); }
  // What may be in the layout's place before it is one.
  std::string EntryOfSharedBlobs() const {
    return shares_blobs() ? EntryTowards(path_, shared_blobs_) : "";
  }
  // Where the list is gathered, and where the blobs are: the same, unless they are shared.
  absl::StatusOr<StagedFiles*> Staged();
  absl::StatusOr<StagedFiles*> StagedBlobs();
  absl::Status StageSharedBlobs() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Sees to it that a blob of the layout is there in the end, whoever deletes images meanwhile: by
  // a second name for it. False where it is gone already.
  bool KeepBlob(const UniqueFd& file, const Digest& digest);
  absl::StatusOr<PublishStart> StartPublish();
  // The steps of Publish, in their order.
  absl::Status MakeLayout(StagedFiles& staged);
  absl::Status CheckFoundBlobs();
  absl::Status MoveBlobs();
  absl::Status ReplaceIndex(StagedFiles& staged);
  absl::Status RemoveBlobs();
  void ForgetRemovals();

  const std::string path_;
  const std::string shared_blobs_;
  const bool only_removes_;
  const int max_open_files_;
  LayoutLocks& locks_;

  Sha256Pairing pairing_;
  absl::Mutex mutex_;
  MadeDirectories made_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<StagedFiles> staged_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<StagedFiles> staged_shared_ ABSL_GUARDED_BY(mutex_);
  // What was committed, or was there and has a second name in the staging directory, by that name;
  // not moved yet.
  std::map<std::string, Digest> committed_ ABSL_GUARDED_BY(mutex_);
  // What is in the layout without that second name, and must still be there in the end.
  std::set<Digest> found_ ABSL_GUARDED_BY(mutex_);
  std::vector<Digest> to_remove_ ABSL_GUARDED_BY(mutex_);

  // From BeginPublish on. No two threads use them at once: Publish is the only call then.
  std::function<void()> wake_;
  UniqueFd layout_;
  bool made_layout_ = false;
  std::unique_ptr<LayoutLock> lock_;
  bool has_lock_ = false;
  IndexVersion seen_;
  uint32_t index_file_ = 0;
};

OciWriter::~OciWriter() { GiveUpLock(); }

absl::Status OciWriter::Check() {
  if (only_removes_) {
    return absl::OkStatus();  // the worker finds out what is there, if anything
  }
  if (shares_blobs()) {
    const absl::Status blobs = OpenRoot(shared_blobs_, shared_blobs_).status();
    if (!blobs.ok() && !absl::IsNotFound(blobs)) {
      return blobs;
    }
  }
  ASSIGN_OR_RETURN(Destination destination, Destination::Resolve(path_));
  if (!destination.exists) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(UniqueFd root, OpenRoot(path_, path_));
  return CheckIsLayout(root.get(), EntryOfSharedBlobs());
}

absl::StatusOr<StagedFiles*> OciWriter::Staged() {
  absl::MutexLock lock(&mutex_);
  if (staged_ == nullptr) {
    ASSIGN_OR_RETURN(Destination destination, Destination::Resolve(path_));
    if (only_removes_ && !destination.exists) {
      return FileError(ENOENT, "open", "the layout");
    }
    ASSIGN_OR_RETURN(std::unique_ptr<StagingDirectory> staging,
                     destination.exists ? destination.StageWithin() : destination.StageBeside());
    staged_ = std::make_unique<StagedFiles>(std::move(staging), max_open_files_, HasWriter,
                                            shares_blobs() ? kListIds : 0);
  }
  return staged_.get();
}

absl::StatusOr<StagedFiles*> OciWriter::StagedBlobs() {
  if (!shares_blobs()) {
    return Staged();
  }
  absl::MutexLock lock(&mutex_);
  if (staged_shared_ == nullptr) {
    RETURN_IF_ERROR(StageSharedBlobs());
  }
  return staged_shared_.get();
}

absl::Status OciWriter::StageSharedBlobs() {
  auto stage = [this]() -> absl::StatusOr<std::unique_ptr<StagingDirectory>> {
    mutex_.AssertHeld();
    RETURN_IF_ERROR(made_.Make(shared_blobs_));
    ASSIGN_OR_RETURN(UniqueFd root, OpenRoot(shared_blobs_, kSharedBlobs));
    return StagingDirectory::Create(std::move(root), kStagingPrefix);
  };
  absl::StatusOr<std::unique_ptr<StagingDirectory>> staging = stage();
  for (int i = 1; i < kStageTries && absl::IsNotFound(staging.status()); ++i) {
    staging = stage();
  }
  RETURN_IF_ERROR(staging.status());
  staged_shared_ = std::make_unique<StagedFiles>(*std::move(staging), max_open_files_);
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> OciWriter::OpenFile(broker::FileKind kind,
                                             const std::optional<Digest>& digest) {
  ASSIGN_OR_RETURN(std::string name, FileName(PathKind::kOci, kind, digest));
  {
    absl::MutexLock lock(&mutex_);
    if (digest.has_value() && committed_.count(StagedName(*digest)) > 0) {
      StagedFiles& staged = shares_blobs() ? *staged_shared_ : *staged_;
      return OpenRegularBeneath(staged.directory().fd(), StagedName(*digest));
    }
  }
  if (shares_blobs() && digest.has_value()) {
    name = SharedBlobName(*digest);
    ASSIGN_OR_RETURN(UniqueFd root, OpenRoot(shared_blobs_, name));
    return OpenRegularBeneath(root.get(), name);
  }
  ASSIGN_OR_RETURN(UniqueFd root, OpenRoot(path_, name));
  return OpenRegularBeneath(root.get(), name);
}

absl::StatusOr<bool> OciWriter::HasBlob(const Digest& digest, int64_t size_bytes,
                                        const Cancellation& cancellation) {
  absl::StatusOr<UniqueFd> file = OpenFile(broker::FILE_KIND_BLOB, digest);
  if (!file.ok()) {
    return false;
  }
  absl::Status content = CheckContent(file->get(), digest, size_bytes, cancellation, pairing_);
  if (absl::IsCancelled(content)) {
    return content;
  }
  // Whoever wrote it may not have waited for the disk.
  if (!content.ok() || fsync(file->get()) != 0) {
    return false;
  }
  // From directories that layouts share, nothing is removed.
  return shares_blobs() || KeepBlob(*file, digest);
}

bool OciWriter::KeepBlob(const UniqueFd& file, const Digest& digest) {
  const absl::StatusOr<StagedFiles*> staged = Staged();
  const absl::Status kept =
      staged.ok() ? (*staged)->Adopt(file.get(), StagedName(digest)) : staged.status();
  absl::MutexLock lock(&mutex_);
  if (kept.ok()) {
    committed_.emplace(StagedName(digest), digest);
  } else if (!absl::IsNotFound(
                 kept)) {  // a file system without hard links, or somebody else's file
    found_.insert(digest);
  }
  return !absl::IsNotFound(kept);
}

absl::StatusOr<CreatedFile> OciWriter::CreateFile(int64_t size_bytes) {
  ASSIGN_OR_RETURN(StagedFiles * staged, StagedBlobs());
  return staged->Create(size_bytes);
}

absl::StatusOr<Digest> OciWriter::HashFile(uint32_t id, int64_t size_bytes,
                                           const Cancellation& cancellation) {
  ASSIGN_OR_RETURN(StagedFiles * staged, StagedBlobs());
  return staged->Hash(id, size_bytes, cancellation);
}

absl::Status OciWriter::CommitFile(uint32_t id, broker::FileKind kind, const Digest& digest,
                                   int64_t size_bytes, const Cancellation& cancellation) {
  if (kind != broker::FILE_KIND_BLOB && kind != broker::FILE_KIND_MANIFEST) {
    return Violation("a file is committed as what it cannot be");
  }
  ASSIGN_OR_RETURN(StagedFiles * staged, StagedBlobs());
  RETURN_IF_ERROR(staged->Commit(id, StagedName(digest), digest, size_bytes, cancellation));
  absl::MutexLock lock(&mutex_);
  committed_.emplace(StagedName(digest), digest);
  return absl::OkStatus();
}

absl::Status OciWriter::DropFile(uint32_t id) {
  ASSIGN_OR_RETURN(StagedFiles * staged, id > kListIds ? Staged() : StagedBlobs());
  RETURN_IF_ERROR(staged->Drop(id));
  if (has_lock_ && id == index_file_) {
    GiveUpLock();
  }
  return absl::OkStatus();
}

absl::Status OciWriter::BeginPublish(std::function<void()> wake) {
  RETURN_IF_ERROR(Staged().status());
  wake_ = std::move(wake);
  if (!only_removes_) {
    if (mkdir(path_.c_str(), 0755) == 0) {
      made_layout_ = true;
    } else if (errno != EEXIST) {
      return FileError(errno, "mkdir", "the layout");
    }
  }
  ASSIGN_OR_RETURN(layout_, OpenRoot(path_, "the layout"));
  UniqueFd to_lock(openat(layout_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!to_lock.valid()) {
    return FileError(errno, "open", "the layout");
  }
  lock_ = std::make_unique<LayoutLock>(locks_, std::move(to_lock), wake_);
  return absl::OkStatus();
}

absl::StatusOr<std::optional<ImageWriter::PublishStart>> OciWriter::TryLock() {
  ASSIGN_OR_RETURN(bool acquired, lock_->TryAcquire());
  if (!acquired) {
    return std::nullopt;
  }
  struct stat status = {};
  if (fstat(layout_.get(), &status) == 0 && status.st_nlink == 0) {
    // Who made the layout gave up, and removed it while it was empty.
    lock_.reset();
    RETURN_IF_ERROR(BeginPublish(wake_));
    return TryLock();
  }
  has_lock_ = true;
  absl::StatusOr<PublishStart> start = StartPublish();
  if (!start.ok()) {
    GiveUpLock();
    return start.status();
  }
  return std::optional<PublishStart>(*std::move(start));
}

absl::StatusOr<ImageWriter::PublishStart> OciWriter::StartPublish() {
  RETURN_IF_ERROR(CheckIsLayout(layout_.get(), EntryOfSharedBlobs()));
  ASSIGN_OR_RETURN(StagedFiles * staged, Staged());
  PublishStart start;
  seen_ = VersionOfIndex(layout_.get());
  if (seen_.exists || only_removes_) {
    ASSIGN_OR_RETURN(start.current, OpenRegularBeneath(layout_.get(), kIndex));
  }
  ASSIGN_OR_RETURN(start.next, staged->Create(kMaxIndexBytes));
  index_file_ = start.next.id;
  ForgetRemovals();
  return start;
}

void OciWriter::GiveUpLock() {
  if (has_lock_ && made_layout_) {
    rmdir(path_.c_str());  // while nobody else is about to fill it; one that is not empty stays
    made_layout_ = false;
  }
  ForgetRemovals();
  has_lock_ = false;
  lock_.reset();
}

void OciWriter::ForgetRemovals() {
  absl::MutexLock lock(&mutex_);
  to_remove_.clear();
}

absl::Status OciWriter::RemoveBlob(Digest digest) {
  absl::MutexLock lock(&mutex_);
  if (to_remove_.size() >= kMaxRemovedBlobs) {
    return LimitExceeded("blobs of a deleted image", kMaxRemovedBlobs);
  }
  to_remove_.push_back(std::move(digest));
  return absl::OkStatus();
}

absl::Status OciWriter::Publish(uint32_t file_id, const Cancellation& cancellation) {
  if (file_id == 0 || file_id != index_file_) {
    return Violation("a layout is published without BeginPublish");
  }
  ASSIGN_OR_RETURN(StagedFiles * staged, Staged());
  absl::Status status = [&]() -> absl::Status {
    if (!has_lock_) {
      RETURN_IF_ERROR(staged->Drop(file_id));
      return absl::AbortedError("publish: the lock was held for too long");
    }
    RETURN_IF_ERROR(staged->CommitUnknown(file_id, kIndex, kMaxIndexBytes, cancellation));
    if (cancellation.cancelled()) {
      return absl::CancelledError("publish: cancelled");
    }
    if (only_removes_) {
      RETURN_IF_ERROR(ReplaceIndex(*staged));
      return RemoveBlobs();
    }
    RETURN_IF_ERROR(MakeLayout(*staged));
    RETURN_IF_ERROR(CheckFoundBlobs());
    RETURN_IF_ERROR(MoveBlobs());
    return ReplaceIndex(*staged);
  }();
  index_file_ = 0;
  GiveUpLock();
  return status;
}

absl::Status OciWriter::MakeLayout(StagedFiles& staged) {
  if (VersionOfIndex(layout_.get()) != seen_) {
    return absl::AbortedError("publish: somebody else changed the layout");
  }
  struct stat status = {};
  if (fstatat(layout_.get(), kLayout, &status, AT_SYMLINK_NOFOLLOW) == 0) {
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(staged.Write(kLayout, kLayoutText));
  if (renameat(staged.directory().fd(), kLayout, layout_.get(), kLayout) != 0) {
    return FileError(errno, "rename", kLayout);
  }
  staged.Forget(kLayout);
  made_layout_ = false;
  return absl::OkStatus();
}

absl::Status OciWriter::CheckFoundBlobs() {
  absl::MutexLock lock(&mutex_);
  for (const Digest& digest : found_) {
    const absl::Status found =
        OpenRegularBeneath(layout_.get(), absl::StrCat(kBlobs, "/", SharedBlobName(digest)))
            .status();
    if (!found.ok()) {
      return MakeError(absl::StatusCode::kAborted, "DESTINATION_CONFLICT",
                       absl::StrCat("publish: blob ", digest.ToString(),
                                    " was there, and was deleted during the copy"));
    }
  }
  return absl::OkStatus();
}

absl::Status OciWriter::MoveBlobs() {
  ASSIGN_OR_RETURN(StagedFiles * staged, StagedBlobs());
  // Where blobs are shared it stays empty, as with Skopeo.
  ASSIGN_OR_RETURN(UniqueFd blobs, MakeDirectory(layout_.get(), kBlobs));
  const int root = shares_blobs() ? staged->directory().parent() : blobs.get();
  ASSIGN_OR_RETURN(UniqueFd sha256, MakeDirectory(root, "sha256"));
  std::map<std::string, UniqueFd> by_algorithm;
  by_algorithm["sha256"] = std::move(sha256);
  absl::MutexLock lock(&mutex_);
  while (!committed_.empty()) {
    const auto& [name, digest] = *committed_.begin();
    std::string algorithm(digest.algorithm());
    std::string hex(digest.hex());
    if (by_algorithm.count(algorithm) == 0) {
      ASSIGN_OR_RETURN(by_algorithm[algorithm], MakeDirectory(root, algorithm));
    }
    // In the place of what has the name: ours was compared with its digest, that was not.
    if (renameat(staged->directory().fd(), name.c_str(), by_algorithm[algorithm].get(),
                 hex.c_str()) != 0) {
      return FileError(errno, "rename", digest.ToString());
    }
    staged->Forget(name);
    if (!shares_blobs()) {
      found_.insert(digest);  // until this attempt, or another one, has published it
    }
    committed_.erase(committed_.begin());
  }
  for (const auto& [algorithm, directory] : by_algorithm) {
    RETURN_IF_ERROR(SyncDirectory(directory.get()));
  }
  RETURN_IF_ERROR(SyncDirectory(root));
  RETURN_IF_ERROR(made_.Keep());
  return SyncDirectory(layout_.get());
}

absl::Status OciWriter::ReplaceIndex(StagedFiles& staged) {
  if (VersionOfIndex(layout_.get()) != seen_) {
    return absl::AbortedError("publish: somebody else changed the layout");
  }
  if (renameat(staged.directory().fd(), kIndex, layout_.get(), kIndex) != 0) {
    return FileError(errno, "rename", kIndex);
  }
  staged.Forget(kIndex);
  made_layout_ = false;
  RETURN_IF_ERROR(SyncDirectory(layout_.get()));
  ASSIGN_OR_RETURN(Destination destination, Destination::Resolve(path_));
  ASSIGN_OR_RETURN(UniqueFd parent, OpenRoot(destination.parent, "the directory of the layout"));
  return SyncDirectory(parent.get());
}

absl::Status OciWriter::RemoveBlobs() {
  absl::MutexLock lock(&mutex_);
  absl::StatusOr<UniqueFd> blobs = OpenDirectory(layout_.get(), kBlobs);
  if (shares_blobs() || !blobs.ok()) {
    return absl::OkStatus();
  }
  std::map<std::string, absl::StatusOr<UniqueFd>> by_algorithm;
  absl::Status first_failure;
  for (const Digest& digest : to_remove_) {
    const std::string algorithm(digest.algorithm());
    auto found = by_algorithm.find(algorithm);
    if (found == by_algorithm.end()) {
      found = by_algorithm.emplace(algorithm, OpenDirectory(blobs->get(), algorithm)).first;
    }
    if (found->second.ok()) {
      first_failure.Update(RemoveRegular(found->second->get(), std::string(digest.hex()), digest));
    }
  }
  return WithContext(first_failure, "the image was deleted, but not all of its blobs");
}

}  // namespace

std::unique_ptr<ImageWriter> NewOciWriter(const std::string& path, int max_open_files,
                                          LayoutLocks& locks, const std::string& shared_blobs,
                                          bool only_removes) {
  return std::make_unique<OciWriter>(path, max_open_files, locks, shared_blobs, only_removes);
}

std::unique_ptr<ImageWriter> NewImageWriter(const WritePathGrant& grant, int max_open_files,
                                            LayoutLocks& locks) {
  switch (grant.kind) {
    case PathKind::kOci:
      return NewOciWriter(grant.path, max_open_files, locks, grant.blob_directory,
                          grant.only_removes);
    case PathKind::kDir:
      return NewDirWriter(grant.path, max_open_files);
    case PathKind::kFile:
      return grant.spooled != nullptr ? NewSpoolWriter(*grant.spooled)
                                      : NewFileWriter(grant.path, grant.must_be_new);
  }
  return nullptr;
}

}  // namespace holkas
