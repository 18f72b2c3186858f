#ifndef HOLKAS_SERVICE_BROKER_STAGED_FILES_H_
#define HOLKAS_SERVICE_BROKER_STAGED_FILES_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "proto/wire/digest.h"
#include "proto/wire/sha256_pairing.h"
#include "proto/wire/unique_fd.h"
#include "service/broker/cancellation.h"
#include "service/broker/file_content.h"
#include "service/broker/staging_directory.h"

namespace holkas {

// A file that a worker is to write.
struct CreatedFile {
  uint32_t id = 0;
  UniqueFd fd;
};

// The files that one job writes, on their way into a staging directory: created, written by the
// worker, and committed once it is sure what is in them. No name in the directory ever has content
// that was not checked. Thread-safe; the long part of Commit holds no lock.
class StagedFiles {
 public:
  // As HasWriter in file_content.h.
  using WriterCheck = absl::StatusOr<bool> (*)(int read_fd);

  // `max_open`: how many files may be written at once. Tests give another `has_writer`. The numbers
  // of files are those after `last_id`, for a job that has files in two places.
  StagedFiles(std::unique_ptr<StagingDirectory> directory, int max_open,
              WriterCheck has_writer = HasWriter, uint32_t last_id = 0);
  ~StagedFiles();

  // A new file to write. `size_bytes` -1: of any size.
  // Errors: RESOURCE_EXHAUSTED (LIMIT_EXCEEDED, DISK_FULL).
  absl::StatusOr<CreatedFile> Create(int64_t size_bytes);

  // The SHA-256 of a written file, which nobody can write to from then on. Commit does not read it
  // again. Errors: as Commit; after one the file is not being written any more.
  absl::StatusOr<Digest> Hash(uint32_t id, int64_t size_bytes, const Cancellation& cancellation);

  // Names a written file `name`, durably but for the directory's own entry. Whatever comes of it,
  // the file is not being written any more.
  // Errors: DATA_LOSS (CONTENT_MISMATCH); INTERNAL (WORKER_VIOLATION) for a file that is not being
  // written, or that a writer still has open; CANCELLED; RESOURCE_EXHAUSTED (DISK_FULL).
  absl::Status Commit(uint32_t id, const std::string& name, const Digest& digest,
                      int64_t size_bytes, const Cancellation& cancellation);

  // The same for a file whose content nobody knows beforehand: at most `max_bytes`.
  // Errors: as Commit, and RESOURCE_EXHAUSTED (LIMIT_EXCEEDED).
  absl::Status CommitUnknown(uint32_t id, const std::string& name, int64_t max_bytes,
                             const Cancellation& cancellation);

  // Forgets a file; one that was committed or dropped before stays as it is.
  // Errors: INTERNAL (WORKER_VIOLATION) for a file that never was.
  absl::Status Drop(uint32_t id);

  // Forgets all files that are being written.
  void DropAll();

  // Writes a file of our own.
  absl::Status Write(const std::string& name, absl::string_view content);

  // Takes over the file behind `read_fd`, of which the caller knows the content, by a hard link.
  absl::Status Adopt(int read_fd, const std::string& name);

  bool Has(const std::string& name) const;
  // Forgets the name: the file was moved away.
  void Forget(const std::string& name);
  // All names, sorted.
  std::set<std::string> Names() const;

  StagingDirectory& directory() { return *directory_; }

 private:
  struct Writing {
    StagingDirectory::File file;
    int64_t max_bytes = -1;
    // What Hash found.
    std::optional<Digest> digest = std::nullopt;
    int64_t size_bytes = 0;
  };

  absl::StatusOr<Writing> Take(uint32_t id);
  // Makes the file ready to be read, of the size that its writer tells.
  absl::Status Close(Writing& writing, int64_t size_bytes, const Cancellation& cancellation);
  // Whether the file has that content.
  absl::Status Check(Writing& writing, const Digest& digest, int64_t size_bytes,
                     const Cancellation& cancellation);
  // Makes sure that nobody can write to the file any more, by a copy where it must be.
  absl::Status Seal(Writing& writing, int64_t size_bytes, const Cancellation& cancellation);
  bool OthersAreWritten() const;
  absl::Status Name(const StagingDirectory::File& file, const std::string& name);

  const std::unique_ptr<StagingDirectory> directory_;
  const int max_open_;
  const WriterCheck has_writer_;
  const uint32_t first_id_;
  Sha256Pairing pairing_;
  mutable absl::Mutex mutex_;
  uint32_t last_id_ ABSL_GUARDED_BY(mutex_);
  std::map<uint32_t, Writing> writing_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> names_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_BROKER_STAGED_FILES_H_
