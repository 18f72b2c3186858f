#ifndef HOLKAS_WORKER_BROKER_BROKER_H_
#define HOLKAS_WORKER_BROKER_BROKER_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "broker/broker.pb.h"
#include "proto/wire/digest.h"
#include "proto/wire/unique_fd.h"

namespace holkas {

// What a worker can ask of holkasd (proto/broker/BROKER.md). The only way out of the sandbox.
// Thread-safe; every call blocks until its reply is there. Any call may fail with UNAVAILABLE when
// holkasd is gone, and with what holkasd answered.
class Broker {
 public:
  virtual ~Broker() = default;

  // A file that is being written.
  struct NewFile {
    uint32_t id = 0;
    UniqueFd fd;
  };
  // The lock on a layout's list of images, with the list as it is and the file for the new one.
  struct PublishLock {
    std::optional<UniqueFd> current;
    NewFile next;
  };

  // A TCP socket connected to `host`:`port`, blocking mode.
  // Errors: PERMISSION_DENIED (ADDRESS_DENIED); UNAVAILABLE (REGISTRY_UNAVAILABLE).
  virtual absl::StatusOr<UniqueFd> Connect(broker::Place place, broker::Purpose purpose,
                                           absl::string_view host, uint16_t port) = 0;

  // What to answer to a registry that asks who the worker is: the value of an Authorization header,
  // empty where there are no credentials.
  // Errors: UNAUTHENTICATED (REGISTRY_UNAUTHORIZED); PERMISSION_DENIED (REALM_DENIED); UNAVAILABLE.
  virtual absl::StatusOr<std::string> Authorize(const broker::Authorize& question) = 0;

  // A regular file to read. `digest` is given for FILE_KIND_BLOB and FILE_KIND_MANIFEST alone.
  // Errors: NOT_FOUND; PERMISSION_DENIED where it is not a regular file.
  virtual absl::StatusOr<UniqueFd> OpenFile(broker::Place place, broker::FileKind kind,
                                            const std::optional<Digest>& digest) = 0;

  // Whether the destination has the blob, whole.
  virtual absl::StatusOr<bool> HasBlob(const Digest& digest, int64_t size_bytes) = 0;

  // A new unnamed file at the destination. `size_bytes` -1: not known.
  virtual absl::StatusOr<NewFile> CreateFile(int64_t size_bytes) = 0;

  // Names a file. Its descriptor must have been closed.
  virtual absl::Status CommitFile(uint32_t file_id, broker::FileKind kind, const Digest& digest,
                                  int64_t size_bytes) = 0;

  // Forgets a file that was being written.
  virtual absl::Status DropFile(uint32_t file_id) = 0;

  // oci only: takes the layout's lock.
  virtual absl::StatusOr<PublishLock> BeginPublish() = 0;

  // Makes what was committed the destination's image. `file_id`: as in broker.Publish.
  // Errors: ABORTED where somebody else changed the layout meanwhile.
  virtual absl::Status Publish(uint32_t file_id) = 0;

  // Tells the caller of a copy what happened. Blocks only while holkasd is slower than the worker.
  virtual absl::Status SendEvent(const v1::CopyResponse& event) = 0;

  // Gives the caller of a list of tags some of them, which fit into one frame. Blocks only while
  // holkasd is slower than the worker.
  virtual absl::Status SendTags(const v1::ListTagsResponse& tags) = 0;

  // Writes a line to holkasd's log. `severity` as in broker.Log.
  virtual void Log(int severity, absl::string_view message) = 0;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_BROKER_BROKER_H_
