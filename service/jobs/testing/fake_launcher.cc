#include "service/jobs/testing/fake_launcher.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <string>
#include <thread>
#include <utility>

#include "absl/synchronization/notification.h"
#include "proto/broker/job_frames.h"
#include "proto/wire/error.h"

namespace holkas {

FakeWorkerSide::FakeWorkerSide(UniqueFd socket)
    : channel_(std::move(socket), FrameChannel::AcceptFds::kYes) {}

broker::JobSpec FakeWorkerSide::Begin() {
  absl::StatusOr<broker::JobSpec> job = ReceiveJob(channel_);
  if (!job.ok()) {
    return broker::JobSpec();
  }
  broker::WorkerFrame ready;
  ready.mutable_ready()->set_tier(v1::SANDBOX_TIER_FULL);
  Send(ready);
  return *std::move(job);
}

// The service may be gone: that is for the test to see.
void FakeWorkerSide::Send(const broker::WorkerFrame& frame) { (void)channel_.Send(frame); }

void FakeWorkerSide::SendEvent(const v1::CopyResponse& event) {
  broker::WorkerFrame frame;
  *frame.mutable_event() = event;
  Send(frame);
}

void FakeWorkerSide::SendTags(const std::vector<std::string>& tags) {
  broker::WorkerFrame frame;
  frame.mutable_tags()->mutable_tags()->Assign(tags.begin(), tags.end());
  Send(frame);
}

void FakeWorkerSide::SendResult(const std::string& data) {
  broker::WorkerFrame frame;
  frame.mutable_result_chunk()->set_data(data);
  Send(frame);
}

broker::Reply FakeWorkerSide::Authorize(const broker::Authorize& question) {
  broker::WorkerFrame frame;
  *frame.mutable_authorize() = question;
  return Call(std::move(frame));
}

broker::Reply FakeWorkerSide::FindTwins(const std::string& digest) {
  broker::WorkerFrame frame;
  frame.mutable_find_twins()->set_digest(digest);
  return Call(std::move(frame));
}

broker::Reply FakeWorkerSide::MountBlob(const std::string& digest, int64_t size_bytes) {
  broker::WorkerFrame frame;
  frame.mutable_mount_blob()->set_digest(digest);
  frame.mutable_mount_blob()->set_size_bytes(size_bytes);
  return Call(std::move(frame));
}

void FakeWorkerSide::Remember(const broker::Remember& told) {
  broker::WorkerFrame frame;
  *frame.mutable_remember() = told;
  Send(frame);
}

broker::Reply FakeWorkerSide::UnwrapKey(const broker::WrappedKeys& wrapped) {
  broker::WorkerFrame frame;
  *frame.mutable_unwrap_key() = wrapped;
  return Call(std::move(frame));
}

UniqueFd FakeWorkerSide::OpenSource() {
  broker::WorkerFrame frame;
  frame.mutable_open_file()->set_place(broker::PLACE_SOURCE);
  frame.mutable_open_file()->set_kind(broker::FILE_KIND_ROOT);
  UniqueFd file;
  Call(std::move(frame), &file);
  return file;
}

UniqueFd FakeWorkerSide::CreateFile() {
  broker::WorkerFrame frame;
  frame.mutable_create_file()->set_size_bytes(-1);
  UniqueFd file;
  Call(std::move(frame), &file);
  return file;
}

broker::Reply FakeWorkerSide::Publish() {
  broker::WorkerFrame frame;
  frame.mutable_publish()->set_file_id(1);
  return Call(std::move(frame));
}

broker::Reply FakeWorkerSide::Call(broker::WorkerFrame frame, UniqueFd* fd) {
  frame.set_call_id(1);
  Send(frame);
  broker::ServiceFrame answer;
  absl::StatusOr<std::vector<UniqueFd>> fds = channel_.Receive(answer);
  if (fd != nullptr && fds.ok() && !fds->empty()) {
    *fd = std::move(fds->front());
  }
  return answer.reply();
}

void FakeWorkerSide::Finish(const absl::Status& status) {
  broker::WorkerFrame frame;
  broker::Finish& finish = *frame.mutable_finish();
  finish.set_code(static_cast<int>(status.code()));
  finish.set_message(std::string(status.message()));
  finish.set_reason(ErrorReason(status));
  const std::map<std::string, std::string> metadata = ErrorMetadata(status);
  finish.mutable_metadata()->insert(metadata.begin(), metadata.end());
  Send(frame);
}

void FakeWorkerSide::AwaitEnd() {
  broker::ServiceFrame frame;
  while (channel_.Receive(frame).ok()) {
  }
}

class FakeLauncher::FakeWorker : public Worker {
 public:
  FakeWorker(FakeLauncher& launcher, UniqueFd ours, UniqueFd theirs)
      : launcher_(launcher),
        their_fd_(fcntl(theirs.get(), F_DUPFD_CLOEXEC, 0)),
        channel_(std::move(ours), FrameChannel::AcceptFds::kNo) {
    thread_ = std::thread([this, socket = std::move(theirs)]() mutable {
      {
        FakeWorkerSide side(std::move(socket));
        exit_ = launcher_.script_(side);
      }
      shutdown(their_fd_.get(), SHUT_RDWR);
      ended_.Notify();
    });
  }
  ~FakeWorker() override {
    shutdown(their_fd_.get(), SHUT_RDWR);
    thread_.join();
  }

  FrameChannel& channel() override { return channel_; }
  void Kill() override {
    if (!was_killed_.exchange(true)) {
      ++launcher_.killed_;
      shutdown(their_fd_.get(), SHUT_RDWR);
    }
  }
  void Distrust() override {
    ++launcher_.distrusted_;
    Kill();
  }
  absl::StatusOr<WorkerExit> Wait(absl::Time deadline) override {
    if (!ended_.WaitForNotificationWithDeadline(deadline)) {
      return absl::DeadlineExceededError("the worker runs");
    }
    return was_killed_ ? WorkerExit{WorkerExit::How::kKilled, 9} : exit_;
  }
  int pid() const override { return 4242; }

 private:
  FakeLauncher& launcher_;
  const UniqueFd their_fd_;
  FrameChannel channel_;
  std::atomic<bool> was_killed_ = false;
  absl::Notification ended_;
  WorkerExit exit_;
  std::thread thread_;
};

absl::StatusOr<std::unique_ptr<Worker>> FakeLauncher::Launch(const WorkerNeeds& needs) {
  if (!failure_.ok()) {
    return failure_;
  }
  ++launched_;
  needed_certificate_store_ = needs.certificate_store;
  directories_.clear();
  for (const WorkerDirectory& directory : needs.directories) {
    directories_ += directory.writable ? 'w' : 'r';
  }
  auto pair = FrameChannel::NewPair();
  if (!pair.ok()) {
    return pair.status();
  }
  return std::make_unique<FakeWorker>(*this, std::move(pair->first), std::move(pair->second));
}

absl::StatusOr<std::vector<UniqueFd>> FakeLauncher::OpenTrees(const std::vector<Tree>& trees) {
  std::vector<UniqueFd> directories;
  for (const Tree& tree : trees) {
    directories.emplace_back(open(tree.path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!directories.back().valid()) {
      return ErrnoError(errno, "open a tree");
    }
  }
  return directories;
}

}  // namespace holkas
