#ifndef HOLKAS_WORKER_BROKER_BROKER_H_
#define HOLKAS_WORKER_BROKER_BROKER_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
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

  // A socket connected to `host`:`port`, or where a daemon has that name to its unix socket;
  // blocking mode. Errors: PERMISSION_DENIED (ADDRESS_DENIED, DAEMON_DENIED); UNAVAILABLE
  // (REGISTRY_UNAVAILABLE, DAEMON_UNAVAILABLE).
  virtual absl::StatusOr<UniqueFd> Connect(broker::Place place, broker::Purpose purpose,
                                           absl::string_view host, uint16_t port) = 0;

  // What to answer to a registry that asks who the worker is: the value of an Authorization header,
  // empty where there are no credentials.
  // Errors: UNAUTHENTICATED (REGISTRY_UNAUTHORIZED); PERMISSION_DENIED (REALM_DENIED); UNAVAILABLE.
  virtual absl::StatusOr<std::string> Authorize(const broker::Authorize& question) = 0;

  // The key of an encrypted layer.
  // Errors: FAILED_PRECONDITION (KEY_MISSING, KEY_UNSUITABLE); INVALID_ARGUMENT (PASSWORD_MISSING,
  // PASSWORD_WRONG).
  virtual absl::StatusOr<broker::LayerKey> UnwrapKey(const broker::WrappedKeys& wrapped) = 0;

  // What earlier jobs of the same caller found out about a blob: other forms of its content, if
  // any. Hints.
  virtual absl::StatusOr<broker::Twins> FindTwins(const Digest& digest) = 0;

  // Whether the destination, a registry, has the blob now, from another of its repositories in
  // which earlier jobs left it.
  virtual absl::StatusOr<bool> MountBlob(const Digest& digest, int64_t size_bytes) = 0;

  // Tells what was found out about a blob. As broker.Remember says.
  virtual absl::Status Remember(const broker::Remember& told) = 0;

  // A regular file to read. `digest` is given for FILE_KIND_BLOB and FILE_KIND_MANIFEST alone.
  // Errors: NOT_FOUND; PERMISSION_DENIED where it is not a regular file.
  virtual absl::StatusOr<UniqueFd> OpenFile(broker::Place place, broker::FileKind kind,
                                            const std::optional<Digest>& digest) = 0;

  // The file of that number, from 0, of a source that is one file or several (tarball:). Errors: as
  // OpenFile.
  virtual absl::StatusOr<UniqueFd> OpenNumberedFile(uint32_t index) = 0;

  // Whether the destination has the blob, whole.
  virtual absl::StatusOr<bool> HasBlob(const Digest& digest, int64_t size_bytes) = 0;

  // A new unnamed file to write and to read back, for what does not fit into memory. It is gone
  // with its last descriptor, and counts until the job's end. Errors: RESOURCE_EXHAUSTED
  // (LIMIT_EXCEEDED, DISK_FULL).
  virtual absl::StatusOr<UniqueFd> CreateSpool() = 0;

  // A new unnamed file at the destination. `size_bytes` -1: not known.
  virtual absl::StatusOr<NewFile> CreateFile(int64_t size_bytes) = 0;

  // The SHA-256 of a written file, before CommitFile. Its descriptor must have been closed.
  virtual absl::StatusOr<Digest> HashFile(uint32_t file_id, int64_t size_bytes) = 0;

  // Names a file. Its descriptor must have been closed.
  virtual absl::Status CommitFile(uint32_t file_id, broker::FileKind kind, const Digest& digest,
                                  int64_t size_bytes) = 0;

  // Forgets a file that was being written.
  virtual absl::Status DropFile(uint32_t file_id) = 0;

  // oci only: takes the layout's lock.
  virtual absl::StatusOr<PublishLock> BeginPublish() = 0;

  // oci only, for a deletion: has the next Publish remove these blobs, as far as they are there.
  // Errors: RESOURCE_EXHAUSTED (LIMIT_EXCEEDED).
  virtual absl::Status RemoveBlobs(absl::Span<const Digest> blobs) = 0;

  // Makes what was committed the destination's image. `file_id` and `size_bytes`: as in
  // broker.Publish.
  // Errors: ABORTED where somebody else changed the layout meanwhile.
  virtual absl::Status Publish(uint32_t file_id, int64_t size_bytes) = 0;

  // The directories of a store of containers/storage. Nothing is above them, and their mounts
  // follow no symbolic link and open no device.
  struct Storage {
    UniqueFd graph_root;
    UniqueFd run_root;
  };
  virtual absl::StatusOr<Storage> OpenStorage(broker::Place place) = 0;

  // Marks the directory `path` below the graph root as opaque, with `trusted.overlay.opaque`: where
  // the place's whiteout_form is WHITEOUT_FORM_OVERLAY. `path` is of any bytes, as the file system
  // has it.
  // Errors: NOT_FOUND; PERMISSION_DENIED (PATH_DENIED) where it is no directory of the store.
  virtual absl::Status MarkOpaque(broker::Place place, absl::string_view path) = 0;

  // Makes a device node (`type` S_IFCHR or S_IFBLK) of root's, with the mode 0600: where the
  // place's makes_devices is set. `path` is as in broker.MakeDevice, in a staging directory. False
  // where the service may not make it. Errors: NOT_FOUND; ALREADY_EXISTS; PERMISSION_DENIED
  // (PATH_DENIED); RESOURCE_EXHAUSTED (LIMIT_EXCEEDED, DISK_FULL).
  virtual absl::StatusOr<bool> MakeDevice(broker::Place place, absl::string_view path, mode_t type,
                                          dev_t device) = 0;

  // Tells the caller of a copy what happened. Blocks only while holkasd is slower than the worker.
  virtual absl::Status SendEvent(const v1::CopyResponse& event) = 0;

  // Gives the caller of a list of tags some of them, which fit into one frame. Blocks only while
  // holkasd is slower than the worker.
  virtual absl::Status SendTags(const v1::ListTagsResponse& tags) = 0;

  // Whether nobody waits for the job any more. Thread-safe, does not block.
  virtual bool Cancelled() = 0;

  // Writes a line to holkasd's log. `severity` as in broker.Log.
  virtual void Log(int severity, absl::string_view message) = 0;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_BROKER_BROKER_H_
