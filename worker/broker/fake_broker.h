#ifndef HOLKAS_WORKER_BROKER_FAKE_BROKER_H_
#define HOLKAS_WORKER_BROKER_FAKE_BROKER_H_

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "worker/broker/broker.h"

namespace holkas {

// A Broker for tests that serves real directories and plain TCP connections in this process, by the
// rules of holkasd: the same names for files, nothing visible before Publish, digests and sizes
// compared at CommitFile, a broken blob not reported as present. What would be a violation is
// INTERNAL (WORKER_VIOLATION). Where it is destroyed without Publish, what was written is gone.
// Thread-safe.
class FakeBroker : public Broker {
 public:
  enum class Kind { kNone, kOci, kDir, kFile };
  // A layout, an image directory or an archive, which may be replaced.
  struct Directory {
    Kind kind = Kind::kNone;
    std::string path;
    // kFile: the files behind the first, for OpenNumberedFile.
    std::vector<std::string> further_paths = {};
  };

  // The directories of a store; empty paths: none.
  struct Store {
    std::string graph_root;
    std::string run_root;
  };

  FakeBroker(Directory source, Directory destination);
  ~FakeBroker() override;

  // Leads connections for `host`:`port` to `port_here` on 127.0.0.1. A host that nobody routed is
  // refused, as a host without a grant.
  void Route(absl::string_view host, uint16_t port, uint16_t port_here);
  // Answers Authorize. Without it there are no credentials.
  void set_authorize(
      std::function<absl::StatusOr<std::string>(const broker::Authorize& question)> authorize);
  // Answers UnwrapKey. Without it the job has no decryption keys.
  void set_unwrap_key(
      std::function<absl::StatusOr<broker::LayerKey>(const broker::WrappedKeys& wrapped)> unwrap);
  // Answers FindTwins and MountBlob. Without it nothing is known.
  void set_twins(std::map<Digest, broker::Twins> twins);
  void set_mountable(std::set<Digest> mountable);
  // What OpenStorage gives; directories that exist.
  void set_stores(Store source, Store destination);
  // Asked before every call with its name (`Connect`, `CommitFile`...); an error is the answer.
  void set_fault(std::function<absl::Status(absl::string_view call)> fault);

  // What SendEvent was given, in order.
  std::vector<v1::CopyResponse> events() const;
  // What SendTags was given, in order.
  std::vector<v1::ListTagsResponse> tags() const;
  // What Remember was given, in order.
  std::vector<broker::Remember> remembered() const;
  // What Log was given, in order.
  std::vector<std::string> log() const;
  // How often a call was made.
  int calls(absl::string_view call) const;
  // Whether Publish succeeded.
  bool published() const;

  absl::StatusOr<UniqueFd> Connect(broker::Place place, broker::Purpose purpose,
                                   absl::string_view host, uint16_t port) override;
  absl::StatusOr<std::string> Authorize(const broker::Authorize& question) override;
  absl::StatusOr<broker::LayerKey> UnwrapKey(const broker::WrappedKeys& wrapped) override;
  absl::StatusOr<broker::Twins> FindTwins(const Digest& digest) override;
  absl::StatusOr<bool> MountBlob(const Digest& digest, int64_t size_bytes) override;
  absl::Status Remember(const broker::Remember& told) override;
  absl::StatusOr<UniqueFd> OpenFile(broker::Place place, broker::FileKind kind,
                                    const std::optional<Digest>& digest) override;
  absl::StatusOr<UniqueFd> OpenNumberedFile(uint32_t index) override;
  absl::StatusOr<bool> HasBlob(const Digest& digest, int64_t size_bytes) override;
  absl::StatusOr<UniqueFd> CreateSpool() override;
  absl::StatusOr<NewFile> CreateFile(int64_t size_bytes) override;
  absl::StatusOr<Digest> HashFile(uint32_t file_id, int64_t size_bytes) override;
  absl::Status CommitFile(uint32_t file_id, broker::FileKind kind, const Digest& digest,
                          int64_t size_bytes) override;
  absl::Status DropFile(uint32_t file_id) override;
  absl::StatusOr<PublishLock> BeginPublish() override;
  absl::Status RemoveBlobs(absl::Span<const Digest> blobs) override;
  absl::Status Publish(uint32_t file_id, int64_t size_bytes) override;
  bool Cancelled() override { return false; }
  absl::StatusOr<Storage> OpenStorage(broker::Place place) override;
  absl::Status MarkOpaque(broker::Place place, absl::string_view path) override;
  absl::StatusOr<bool> MakeDevice(broker::Place place, absl::string_view path, mode_t type,
                                  dev_t device) override;
  absl::Status SendEvent(const v1::CopyResponse& event) override;
  absl::Status SendTags(const v1::ListTagsResponse& tags) override;
  void Log(int severity, absl::string_view message) override;

 private:
  // Null where there is none.
  const Store* StoreAt(broker::Place place) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Enter(absl::string_view call) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckHasBlobs() const;
  // Makes the staging directory beside the destination, once.
  absl::Status Stage() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<NewFile> NewStagedFile() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status PublishOci(uint32_t file_id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status PublishFile(uint32_t file_id, int64_t size_bytes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status PublishDir() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Directory source_;
  const Directory destination_;
  mutable absl::Mutex mutex_;
  std::function<absl::Status(absl::string_view)> fault_ ABSL_GUARDED_BY(mutex_);
  std::function<absl::StatusOr<std::string>(const broker::Authorize&)> authorize_
      ABSL_GUARDED_BY(mutex_);
  std::function<absl::StatusOr<broker::LayerKey>(const broker::WrappedKeys&)> unwrap_key_
      ABSL_GUARDED_BY(mutex_);
  std::map<Digest, broker::Twins> twins_ ABSL_GUARDED_BY(mutex_);
  std::set<Digest> mountable_ ABSL_GUARDED_BY(mutex_);
  std::vector<broker::Remember> remembered_ ABSL_GUARDED_BY(mutex_);
  std::map<std::pair<std::string, uint16_t>, uint16_t> routes_ ABSL_GUARDED_BY(mutex_);
  Store source_store_ ABSL_GUARDED_BY(mutex_);
  Store destination_store_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, int> calls_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::CopyResponse> events_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::ListTagsResponse> tags_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> log_ ABSL_GUARDED_BY(mutex_);
  std::string staging_ ABSL_GUARDED_BY(mutex_);
  uint32_t last_file_id_ ABSL_GUARDED_BY(mutex_) = 0;
  // The files being written, and by id their paths in the staging directory.
  std::map<uint32_t, std::string> writing_ ABSL_GUARDED_BY(mutex_);
  // The names, in the destination, of what was committed.
  std::set<std::string> committed_ ABSL_GUARDED_BY(mutex_);
  // The names of what the next Publish removes.
  std::set<std::string> to_remove_ ABSL_GUARDED_BY(mutex_);
  bool publishing_ ABSL_GUARDED_BY(mutex_) = false;
  bool published_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_BROKER_FAKE_BROKER_H_
