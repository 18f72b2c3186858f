#include "worker/broker/broker_client.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <atomic>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "broker/broker.pb.h"
#include "proto/wire/error.h"
#include "proto/wire/printable.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

constexpr size_t kMaxLogLineBytes = 1 << 10;  // as broker.Log says
constexpr size_t kMaxBlobsInFrame = 400;      // of the longest digests

// A reply with the descriptors that came with it.
struct Answer {
  broker::Reply reply;
  std::vector<UniqueFd> fds;
};

class BrokerClient : public Broker {
 public:
  explicit BrokerClient(FrameChannel& channel) : channel_(channel) {}

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
  absl::StatusOr<Storage> OpenStorage(broker::Place place) override;
  absl::Status MarkOpaque(broker::Place place, absl::string_view path) override;
  absl::StatusOr<bool> MakeDevice(broker::Place place, absl::string_view path, mode_t type,
                                  dev_t device) override;
  absl::Status SendEvent(const v1::CopyResponse& event) override;
  absl::Status SendTags(const v1::ListTagsResponse& tags) override;
  bool Cancelled() override;
  void Log(int severity, absl::string_view message) override;

 private:
  // What one waiting thread waits for.
  struct Waiting {
    bool done = false;
    Answer answer;
  };

  // Sends a call and waits for its reply, which must have `min_fds` to `max_fds` descriptors.
  absl::StatusOr<Answer> Call(broker::WorkerFrame frame, size_t min_fds, size_t max_fds);
  absl::Status Send(const broker::WorkerFrame& frame);
  absl::StatusOr<Answer> WaitFor(Waiting& waiting);
  // Receives one frame, where one comes until `deadline`. A reply goes to whom it belongs.
  void ReceiveOne(absl::Time deadline) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Deliver(Answer answer) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  FrameChannel& channel_;
  absl::Mutex send_mutex_;  // one thread sends at a time
  absl::Mutex mutex_;
  bool receiving_ ABSL_GUARDED_BY(mutex_) = false;  // some thread receives for all
  absl::Status broken_ ABSL_GUARDED_BY(mutex_);     // why no call can succeed any more
  std::atomic<bool> cancelled_ = false;
  uint32_t last_call_id_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<uint32_t, Waiting*> waiting_ ABSL_GUARDED_BY(mutex_);
};

absl::StatusOr<Answer> BrokerClient::Call(broker::WorkerFrame frame, size_t min_fds,
                                          size_t max_fds) {
  Waiting waiting;
  {
    absl::MutexLock lock(&mutex_);
    RETURN_IF_ERROR(broken_);
    frame.set_call_id(++last_call_id_);
    waiting_[frame.call_id()] = &waiting;
  }
  if (absl::Status sent = Send(frame); !sent.ok()) {
    absl::MutexLock lock(&mutex_);
    waiting_.erase(frame.call_id());
    return sent;
  }
  ASSIGN_OR_RETURN(Answer answer, WaitFor(waiting));
  const broker::Reply& reply = answer.reply;
  if (reply.code() != 0) {
    return MakeError(static_cast<absl::StatusCode>(reply.code()), reply.reason(), reply.message());
  }
  if (answer.fds.size() < min_fds || answer.fds.size() > max_fds) {
    return absl::InternalError("broker: a reply with a wrong number of descriptors");
  }
  return answer;
}

absl::Status BrokerClient::Send(const broker::WorkerFrame& frame) {
  absl::MutexLock lock(&send_mutex_);
  return channel_.Send(frame);
}

absl::StatusOr<Answer> BrokerClient::WaitFor(Waiting& waiting) {
  absl::MutexLock lock(&mutex_);
  while (true) {
    auto ready = [this, &waiting]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return waiting.done || !broken_.ok() || !receiving_;
    };
    mutex_.Await(absl::Condition(&ready));
    if (waiting.done) {
      return std::move(waiting.answer);
    }
    RETURN_IF_ERROR(broken_);
    ReceiveOne(absl::InfiniteFuture());
  }
}

bool BrokerClient::Cancelled() {
  if (!cancelled_ && mutex_.TryLock()) {
    if (!receiving_ && broken_.ok()) {
      ReceiveOne(absl::InfinitePast());
    }
    cancelled_ = cancelled_ || !broken_.ok();
    mutex_.Unlock();
  }
  return cancelled_;
}

void BrokerClient::ReceiveOne(absl::Time deadline) {
  receiving_ = true;
  mutex_.Unlock();
  broker::ServiceFrame frame;
  absl::StatusOr<std::vector<UniqueFd>> fds = channel_.Receive(frame, deadline);
  mutex_.Lock();
  receiving_ = false;
  if (absl::IsDeadlineExceeded(fds.status())) {
    return;
  }
  if (!fds.ok()) {
    broken_ = WithContext(fds.status(), "broker");
  } else if (frame.has_cancel() && fds->empty()) {
    cancelled_ = true;
  } else if (!frame.has_reply() || frame.reply().fd_count() != fds->size()) {
    broken_ = absl::InternalError("broker: a frame that is not a whole reply");
  } else {
    Deliver(Answer{std::move(*frame.mutable_reply()), *std::move(fds)});
  }
}

void BrokerClient::Deliver(Answer answer) {
  auto found = waiting_.find(answer.reply.call_id());
  if (found == waiting_.end()) {
    broken_ = absl::InternalError("broker: a reply to no call");
    return;
  }
  found->second->answer = std::move(answer);
  found->second->done = true;
  waiting_.erase(found);
}

absl::StatusOr<UniqueFd> BrokerClient::Connect(broker::Place place, broker::Purpose purpose,
                                               absl::string_view host, uint16_t port) {
  broker::WorkerFrame frame;
  frame.mutable_connect()->set_place(place);
  frame.mutable_connect()->set_purpose(purpose);
  frame.mutable_connect()->set_host(std::string(host));
  frame.mutable_connect()->set_port(port);
  ASSIGN_OR_RETURN(Answer answer, Call(std::move(frame), 1, 1));
  return std::move(answer.fds[0]);
}

absl::StatusOr<std::string> BrokerClient::Authorize(const broker::Authorize& question) {
  broker::WorkerFrame frame;
  *frame.mutable_authorize() = question;
  ASSIGN_OR_RETURN(Answer answer, Call(std::move(frame), 0, 0));
  return std::move(*answer.reply.mutable_authorization());
}

absl::StatusOr<broker::LayerKey> BrokerClient::UnwrapKey(const broker::WrappedKeys& wrapped) {
  broker::WorkerFrame frame;
  *frame.mutable_unwrap_key() = wrapped;
  ASSIGN_OR_RETURN(Answer answer, Call(std::move(frame), 0, 0));
  return std::move(*answer.reply.mutable_layer_key());
}

absl::StatusOr<broker::Twins> BrokerClient::FindTwins(const Digest& digest) {
  broker::WorkerFrame frame;
  frame.mutable_find_twins()->set_digest(digest.ToString());
  ASSIGN_OR_RETURN(Answer answer, Call(std::move(frame), 0, 0));
  return std::move(*answer.reply.mutable_twins());
}

absl::StatusOr<bool> BrokerClient::MountBlob(const Digest& digest, int64_t size_bytes) {
  broker::WorkerFrame frame;
  frame.mutable_mount_blob()->set_digest(digest.ToString());
  frame.mutable_mount_blob()->set_size_bytes(size_bytes);
  ASSIGN_OR_RETURN(Answer answer, Call(std::move(frame), 0, 0));
  return answer.reply.present();
}

absl::Status BrokerClient::Remember(const broker::Remember& told) {
  broker::WorkerFrame frame;
  *frame.mutable_remember() = told;
  return Send(frame);
}

absl::StatusOr<UniqueFd> BrokerClient::OpenFile(broker::Place place, broker::FileKind kind,
                                                const std::optional<Digest>& digest) {
  broker::WorkerFrame frame;
  frame.mutable_open_file()->set_place(place);
  frame.mutable_open_file()->set_kind(kind);
  if (digest.has_value()) {
    frame.mutable_open_file()->set_digest(digest->ToString());
  }
  ASSIGN_OR_RETURN(Answer answer, Call(std::move(frame), 1, 1));
  return std::move(answer.fds[0]);
}

absl::StatusOr<UniqueFd> BrokerClient::OpenNumberedFile(uint32_t index) {
  broker::WorkerFrame frame;
  frame.mutable_open_file()->set_place(broker::PLACE_SOURCE);
  frame.mutable_open_file()->set_kind(broker::FILE_KIND_ROOT);
  frame.mutable_open_file()->set_index(index);
  ASSIGN_OR_RETURN(Answer answer, Call(std::move(frame), 1, 1));
  return std::move(answer.fds[0]);
}

absl::StatusOr<bool> BrokerClient::HasBlob(const Digest& digest, int64_t size_bytes) {
  broker::WorkerFrame frame;
  frame.mutable_has_blob()->set_digest(digest.ToString());
  frame.mutable_has_blob()->set_size_bytes(size_bytes);
  ASSIGN_OR_RETURN(Answer answer, Call(std::move(frame), 0, 0));
  return answer.reply.present();
}

absl::StatusOr<UniqueFd> BrokerClient::CreateSpool() {
  broker::WorkerFrame frame;
  frame.mutable_create_spool();
  ASSIGN_OR_RETURN(Answer answer, Call(std::move(frame), 1, 1));
  return std::move(answer.fds[0]);
}

absl::StatusOr<Broker::NewFile> BrokerClient::CreateFile(int64_t size_bytes) {
  broker::WorkerFrame frame;
  frame.mutable_create_file()->set_size_bytes(size_bytes);
  ASSIGN_OR_RETURN(Answer answer, Call(std::move(frame), 1, 1));
  return NewFile{answer.reply.file_id(), std::move(answer.fds[0])};
}

absl::StatusOr<Digest> BrokerClient::HashFile(uint32_t file_id, int64_t size_bytes) {
  broker::WorkerFrame frame;
  frame.mutable_hash_file()->set_file_id(file_id);
  frame.mutable_hash_file()->set_size_bytes(size_bytes);
  ASSIGN_OR_RETURN(const Answer answer, Call(std::move(frame), 0, 0));
  return Digest::Parse(answer.reply.digest());
}

absl::Status BrokerClient::CommitFile(uint32_t file_id, broker::FileKind kind, const Digest& digest,
                                      int64_t size_bytes) {
  broker::WorkerFrame frame;
  frame.mutable_commit_file()->set_file_id(file_id);
  frame.mutable_commit_file()->set_kind(kind);
  frame.mutable_commit_file()->set_digest(digest.ToString());
  frame.mutable_commit_file()->set_size_bytes(size_bytes);
  return Call(std::move(frame), 0, 0).status();
}

absl::Status BrokerClient::DropFile(uint32_t file_id) {
  broker::WorkerFrame frame;
  frame.mutable_drop_file()->set_file_id(file_id);
  return Call(std::move(frame), 0, 0).status();
}

absl::StatusOr<Broker::PublishLock> BrokerClient::BeginPublish() {
  broker::WorkerFrame frame;
  frame.mutable_begin_publish();
  ASSIGN_OR_RETURN(Answer answer, Call(std::move(frame), 1, 2));
  PublishLock lock;
  if (answer.reply.has_current() != (answer.fds.size() == 2)) {
    return absl::InternalError("broker: a reply with a wrong number of descriptors");
  }
  if (answer.reply.has_current()) {
    lock.current = std::move(answer.fds[0]);
  }
  lock.next = NewFile{answer.reply.file_id(), std::move(answer.fds.back())};
  return lock;
}

absl::Status BrokerClient::RemoveBlobs(absl::Span<const Digest> blobs) {
  for (size_t begin = 0; begin < blobs.size(); begin += kMaxBlobsInFrame) {
    broker::WorkerFrame frame;
    for (const Digest& blob : blobs.subspan(begin, kMaxBlobsInFrame)) {
      frame.mutable_remove_blobs()->add_digests(blob.ToString());
    }
    RETURN_IF_ERROR(Call(std::move(frame), 0, 0).status());
  }
  return absl::OkStatus();
}

absl::Status BrokerClient::Publish(uint32_t file_id, int64_t size_bytes) {
  broker::WorkerFrame frame;
  frame.mutable_publish()->set_file_id(file_id);
  frame.mutable_publish()->set_size_bytes(size_bytes);
  return Call(std::move(frame), 0, 0).status();
}

absl::StatusOr<Broker::Storage> BrokerClient::OpenStorage(broker::Place place) {
  broker::WorkerFrame frame;
  frame.mutable_open_storage()->set_place(place);
  ASSIGN_OR_RETURN(Answer answer, Call(std::move(frame), 2, 2));
  return Storage{std::move(answer.fds[0]), std::move(answer.fds[1])};
}

absl::Status BrokerClient::MarkOpaque(broker::Place place, absl::string_view path) {
  broker::WorkerFrame frame;
  frame.mutable_mark_opaque()->set_place(place);
  frame.mutable_mark_opaque()->set_path(std::string(path));
  return Call(std::move(frame), 0, 0).status();
}

absl::StatusOr<bool> BrokerClient::MakeDevice(broker::Place place, absl::string_view path,
                                              mode_t type, dev_t device) {
  broker::WorkerFrame frame;
  broker::MakeDevice& node = *frame.mutable_make_device();
  node.set_place(place);
  node.set_path(std::string(path));
  node.set_kind(type == S_IFBLK ? broker::DEVICE_KIND_BLOCK : broker::DEVICE_KIND_CHARACTER);
  node.set_device_major(major(device));
  node.set_device_minor(minor(device));
  ASSIGN_OR_RETURN(Answer answer, Call(std::move(frame), 0, 0));
  return answer.reply.present();
}

absl::Status BrokerClient::SendEvent(const v1::CopyResponse& event) {
  broker::WorkerFrame frame;
  *frame.mutable_event() = event;
  return Send(frame);
}

absl::Status BrokerClient::SendTags(const v1::ListTagsResponse& tags) {
  broker::WorkerFrame frame;
  *frame.mutable_tags() = tags;
  return Send(frame);
}

void BrokerClient::Log(int severity, absl::string_view message) {
  broker::WorkerFrame frame;
  frame.mutable_log()->set_severity(severity);
  frame.mutable_log()->set_message(Printable(message, kMaxLogLineBytes));
  // A worker that cannot log has no way to say so, and its next call will fail.
  Send(frame).IgnoreError();
}

}  // namespace

std::unique_ptr<Broker> NewBrokerClient(FrameChannel& channel) {
  return std::make_unique<BrokerClient>(channel);
}

}  // namespace holkas
