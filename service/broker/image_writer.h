#ifndef HOLKAS_SERVICE_BROKER_IMAGE_WRITER_H_
#define HOLKAS_SERVICE_BROKER_IMAGE_WRITER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "broker/broker.pb.h"
#include "proto/wire/digest.h"
#include "proto/wire/unique_fd.h"
#include "service/broker/cancellation.h"
#include "service/broker/layout_lock.h"
#include "service/broker/staged_files.h"
#include "service/policy/grants.h"

namespace holkas {

// How one job writes an image to an OCI layout, an image directory or one file (BROKER.md,
// "Writing"): everything is gathered in a staging directory, or an unnamed file, and Publish moves
// it. Until then the destination is as it was, byte by byte; destroying a writer that did not
// publish leaves nothing behind.
//
// Thread-safe, but for BeginPublish, TryLock, and GiveUpLock, which belong to the session's thread.
class ImageWriter {
 public:
  // What BeginPublish gives in the end.
  struct PublishStart {
    std::optional<UniqueFd> current;
    CreatedFile next;
  };

  virtual ~ImageWriter() = default;

  // Whether an image may be written there at all: nothing is there, or an image, or layout.
  // Errors: FAILED_PRECONDITION (DESTINATION_CONFLICT), PERMISSION_DENIED (PATH_DENIED).
  virtual absl::Status Check() = 0;

  // A file of the job, or of what is at the destination. Errors: as OpenRegularBeneath.
  virtual absl::StatusOr<UniqueFd> OpenFile(broker::FileKind kind,
                                            const std::optional<Digest>& digest) = 0;

  // Whether the blob will be there without being sent: read, compared, and made durable.
  virtual absl::StatusOr<bool> HasBlob(const Digest& digest, int64_t size_bytes,
                                       const Cancellation& cancellation) = 0;

  // As StagedFiles says.
  virtual absl::StatusOr<CreatedFile> CreateFile(int64_t size_bytes) = 0;
  virtual absl::StatusOr<Digest> HashFile(uint32_t id, int64_t size_bytes,
                                          const Cancellation& cancellation) = 0;
  virtual absl::Status CommitFile(uint32_t id, broker::FileKind kind, const Digest& digest,
                                  int64_t size_bytes, const Cancellation& cancellation) = 0;
  virtual absl::Status DropFile(uint32_t id) = 0;

  // OCI layouts alone. Gets into the line for the list of images; `wake` as LayoutLock has it.
  virtual absl::Status BeginPublish(std::function<void()> wake) = 0;
  // Nothing while somebody else has the list. Not to be called again after it gave something.
  virtual absl::StatusOr<std::optional<PublishStart>> TryLock() = 0;
  // Lets others have the list.
  virtual void GiveUpLock() = 0;
  virtual bool has_lock() const = 0;

  // OCI layouts alone. Has the next Publish remove a blob, after the new list is in its place; one
  // that comes without the lock, or that fails, forgets it. A blob that is not there, or that the
  // layout shares with others, is passed over.
  // Errors: RESOURCE_EXHAUSTED (LIMIT_EXCEEDED).
  virtual absl::Status RemoveBlob(Digest digest) = 0;

  // Makes what was committed the destination's image, durably. `file_id`: as broker.Publish.
  // Errors: ABORTED; INTERNAL (WORKER_VIOLATION); RESOURCE_EXHAUSTED (DISK_FULL)...
  virtual absl::Status Publish(uint32_t file_id, const Cancellation& cancellation) = 0;
};

// The writer for `grant`. `locks` must outlive it.
std::unique_ptr<ImageWriter> NewImageWriter(const WritePathGrant& grant, int max_open_files,
                                            LayoutLocks& locks);

// `shared_blobs`: as WritePathGrant::blob_directory; `only_removes`: as there.
std::unique_ptr<ImageWriter> NewOciWriter(const std::string& path, int max_open_files,
                                          LayoutLocks& locks, const std::string& shared_blobs = "",
                                          bool only_removes = false);
std::unique_ptr<ImageWriter> NewDirWriter(const std::string& path, int max_open_files);
// Of one file at a time, which takes the place of `path` as a whole. It has no other files, and no
// blobs: its content is the worker's alone. `must_be_new`: as in WritePathGrant.
std::unique_ptr<ImageWriter> NewFileWriter(const std::string& path, bool must_be_new);
// The same for an archive without a name, which outlives the writer. Who sends it to the caller
// waits until the worker is gone, so that Publish has nothing to prove.
std::unique_ptr<ImageWriter> NewSpoolWriter(SpooledArchive& archive);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_BROKER_IMAGE_WRITER_H_
