#ifndef HOLKAS_SERVICE_BROKER_JOB_CALLS_H_
#define HOLKAS_SERVICE_BROKER_JOB_CALLS_H_

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "broker/broker.pb.h"
#include "proto/wire/unique_fd.h"
#include "service/broker/blob_memory.h"
#include "service/broker/broker_resources.h"
#include "service/broker/cancellation.h"
#include "service/broker/image_writer.h"
#include "service/broker/proxy_settings.h"
#include "service/broker/spool_files.h"
#include "service/broker/tls_relays.h"
#include "service/policy/grants.h"
#include "service/sandbox/store_directories.h"

namespace holkas {

// A reply to a call, without its code and its number.
struct Answer {
  broker::Reply reply;
  std::vector<UniqueFd> fds;
};

// What each call of one job does, once the session has found it permitted (call_table.cc). What is
// called here is in a worker's hand: everything that it says is compared with the job's grants.
//
// Errors of a call are the worker's to read, but for INTERNAL (WORKER_VIOLATION), which ends the
// job. Calls for the pools' threads are thread-safe; all others belong to the session's thread.
class JobCalls {
 public:
  // Where the notes of a worker go, and who answers what this folder cannot.
  struct Listeners {
    std::function<void(v1::CopyResponse event)> on_event;
    std::function<void(int severity, std::string line)> on_log;
    // As BrokerSession::Options::authorize.
    std::function<absl::StatusOr<std::string>(const broker::Authorize& question,
                                              const Cancellation& cancellation)>
        authorize;
    // As BrokerSession::Options::unwrap_key.
    std::function<absl::StatusOr<broker::LayerKey>(const broker::WrappedKeys& wrapped,
                                                   const Cancellation& cancellation)>
        unwrap_key;
    std::function<void(v1::ListTagsResponse tags)> on_tags;
    // As BrokerSession::Options::blobs.
    BlobMemory* blobs = nullptr;
  };

  // What was opened for the job's stores; null where the grants have none.
  struct Stores {
    const StoreDirectories* source = nullptr;
    const StoreDirectories* destination = nullptr;
    // The directory of a source that is no store, and that of its blobs where they are shared,
    // beside a store to write to; else -1.
    int source_root = -1;
    // Single files of such a source, by their numbers; may be null.
    const std::vector<UniqueFd>* source_files = nullptr;
    int source_blobs = -1;
  };

  JobCalls(const Grants& grants, const broker::JobSpec& job, BrokerResources& resources,
           const Cancellation& cancellation, Listeners listeners, Stores stores);

  // Whether the job may begin: its destination can be written to.
  absl::Status Check();

  // Ends the writing: what was not published is removed. No call may follow or be under way.
  void Undo() { writer_.reset(); }
  // Ends the connections that the service carries for the worker; no new ones are made.
  void EndRelays() { relays_.Stop(); }

  // Notes: no reply.
  absl::StatusOr<Answer> Ready(const broker::WorkerFrame& frame);
  absl::StatusOr<Answer> Event(const broker::WorkerFrame& frame);
  absl::StatusOr<Answer> ResultChunk(const broker::WorkerFrame& frame);
  absl::StatusOr<Answer> Tags(const broker::WorkerFrame& frame);
  absl::StatusOr<Answer> Log(const broker::WorkerFrame& frame);
  absl::StatusOr<Answer> Remember(const broker::WorkerFrame& frame);
  absl::StatusOr<Answer> Finish(const broker::WorkerFrame& frame);

  // Calls for the threads of a pool.
  absl::StatusOr<Answer> Connect(const broker::WorkerFrame& frame);
  absl::StatusOr<Answer> Authorize(const broker::WorkerFrame& frame);
  absl::StatusOr<Answer> UnwrapKey(const broker::WorkerFrame& frame);
  absl::StatusOr<Answer> FindTwins(const broker::WorkerFrame& frame);
  absl::StatusOr<Answer> MountBlob(const broker::WorkerFrame& frame);
  absl::StatusOr<Answer> HasBlob(const broker::WorkerFrame& frame);
  absl::StatusOr<Answer> HashFile(const broker::WorkerFrame& frame);
  absl::StatusOr<Answer> CommitFile(const broker::WorkerFrame& frame);
  absl::StatusOr<Answer> Publish(const broker::WorkerFrame& frame);

  // Calls that take no time.
  absl::StatusOr<Answer> OpenFile(const broker::WorkerFrame& frame);
  absl::StatusOr<Answer> CreateSpool(const broker::WorkerFrame& frame);
  absl::StatusOr<Answer> CreateFile(const broker::WorkerFrame& frame);
  absl::StatusOr<Answer> DropFile(const broker::WorkerFrame& frame);
  absl::StatusOr<Answer> RemoveBlobs(const broker::WorkerFrame& frame);
  absl::StatusOr<Answer> OpenStorage(const broker::WorkerFrame& frame);
  absl::StatusOr<Answer> MarkOpaque(const broker::WorkerFrame& frame);
  absl::StatusOr<Answer> MakeDevice(const broker::WorkerFrame& frame);

  // Whether the worker's temporary files, and the archive that it writes for the caller, are as
  // large as they may be. It writes to them without a call: the session looks from time to time.
  // Errors: RESOURCE_EXHAUSTED (LIMIT_EXCEEDED, SPOOL_QUOTA_EXCEEDED).
  absl::Status CheckSpool() const;

  // BeginPublish in two steps: into the line, then, as often as it takes, TryLock.
  absl::Status GetInLine(std::function<void()> wake) {
    return writer_->BeginPublish(std::move(wake));
  }
  absl::StatusOr<std::optional<Answer>> TryLock();
  void GiveUpLock() { writer_->GiveUpLock(); }
  bool has_lock() const { return writer_ != nullptr && writer_->has_lock(); }

  // What the grants and the job allow at all.
  bool HasRegistry(broker::Place place) const;
  bool HasPeer(const broker::Connect& connect) const;
  bool HasPath(broker::Place place) const;
  bool HasNewFiles() const;
  bool HasBlobs() const;
  bool HasLayout() const;
  bool HasRemoval() const;
  bool HasSpool() const;
  // Null where there is none.
  const StoreDirectories* StoreAt(broker::Place place) const;
  bool MarksOpaqueAt(broker::Place place) const;
  bool MakesDevicesAt(broker::Place place) const;
  bool HasEvents() const;
  bool HasResult() const;
  bool HasTags() const;
  bool HasDecryptionKeys() const;
  bool HasBlobMemory() const;
  bool HasMounts() const;

  // What Finish said; nothing before it.
  const std::optional<absl::Status>& finished() const { return finished_; }
  std::string TakeResult() { return std::move(result_); }

 private:
  const RegistryGrant* RegistryAt(broker::Place place) const;
  // Null where there is none.
  const StoreGrant* StoreGrantAt(broker::Place place) const;
  const DaemonGrant* DaemonAt(broker::Place place) const;
  // What a Connect is for, after it was found to be granted.
  struct Target {
    std::string host;
    uint16_t port = 0;
    bool public_only = true;
    Carried carried = Carried::kEither;
  };
  // The grant that allows `place` to connect there as its registry; null where none does.
  const RegistryGrant* GrantFor(broker::Place place, const std::string& host, uint32_t port) const;
  absl::StatusOr<Target> CheckConnect(const broker::Connect& connect);
  absl::Status CountConnection() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<UniqueFd> ConnectTo(const Target& target, absl::Time deadline);
  absl::StatusOr<UniqueFd> OpenSourceDirectory(const std::string& path, int read_only,
                                               const std::string& shown) const;
  // The file of a layout or an image directory.
  absl::StatusOr<UniqueFd> OpenInSource(broker::FileKind kind, const std::optional<Digest>& digest);
  absl::StatusOr<UniqueFd> OpenSourceFile(size_t index, const std::string& shown) const;
  absl::StatusOr<UniqueFd> ConnectDirectly(const Target& target, absl::Time deadline);
  absl::StatusOr<UniqueFd> ConnectToDaemon(const broker::Connect& connect, absl::Time deadline);
  absl::Status CountRedirectHost(const std::string& host) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Grants& grants_;
  const broker::JobSpec& job_;
  BrokerResources& resources_;
  const Cancellation& cancellation_;
  const Listeners listeners_;
  const Stores stores_;
  std::unique_ptr<ImageWriter> writer_;
  UniqueFd source_root_;
  UniqueFd source_blobs_;
  SpoolFiles spool_;
  std::string result_;
  int64_t tags_ = 0;
  int64_t tag_bytes_ = 0;
  int log_lines_ = 0;
  int opaque_marks_ = 0;
  int devices_ = 0;
  std::optional<absl::Status> finished_;

  absl::Mutex mutex_;
  int connections_ ABSL_GUARDED_BY(mutex_) = 0;
  std::set<std::string> redirect_hosts_ ABSL_GUARDED_BY(mutex_);

  TlsRelays relays_;
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_BROKER_JOB_CALLS_H_
