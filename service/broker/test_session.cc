#include "service/broker/test_session.h"

#include <sys/socket.h>

#include <cstring>
#include <utility>

#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "proto/broker/job_frames.h"
#include "proto/wire/digest.h"
#include "proto/wire/status_matchers.h"
#include "service/broker/test_files.h"

namespace holkas {

TestSession::TestSession(BrokerSession::Options options) {
  auto pair = *FrameChannel::NewPair();
  service_ = std::make_unique<FrameChannel>(std::move(pair.first), FrameChannel::AcceptFds::kNo);
  worker_ = std::make_unique<FrameChannel>(std::move(pair.second), FrameChannel::AcceptFds::kYes);
  thread_ = std::thread([this, options = std::move(options)]() mutable {
    BrokerSession session(*service_, std::move(options));
    outcome_ = session.Run();
    shutdown(service_->fd(), SHUT_RDWR);
  });
  // Fails where the session refused to begin.
  if (absl::StatusOr<broker::JobSpec> job = ReceiveJob(*worker_); job.ok()) {
    job_ = *std::move(job);
  }
}

TestSession::~TestSession() {
  if (thread_.joinable()) {
    Die();
    thread_.join();
  }
}

void TestSession::Ready() {
  broker::WorkerFrame frame;
  frame.mutable_ready()->set_tier(v1::SANDBOX_TIER_FULL);
  Send(frame);
}

void TestSession::Send(const broker::WorkerFrame& frame) { worker_->Send(frame).IgnoreError(); }

void TestSession::SendRaw(const std::string& bytes, int fd_count) {
  iovec part = {const_cast<char*>(bytes.data()), bytes.size()};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * 16)] = {};
  int fds[16] = {};
  if (fd_count > 0) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
    std::memcpy(CMSG_DATA(header), fds, sizeof(int) * fd_count);
  }
  ASSERT_EQ(sendmsg(worker_->fd(), &message, MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
}

uint32_t TestSession::Begin(broker::WorkerFrame frame) {
  frame.set_call_id(++last_call_id_);
  Send(frame);
  return last_call_id_;
}

broker::Reply TestSession::NextReply(std::vector<UniqueFd>* fds) {
  broker::ServiceFrame frame;
  absl::StatusOr<std::vector<UniqueFd>> received = worker_->Receive(frame);
  if (!received.ok()) {
    frame.mutable_reply()->set_code(static_cast<int>(absl::StatusCode::kInternal));
    frame.mutable_reply()->set_message("the channel is closed");
  } else if (fds != nullptr) {
    *fds = *std::move(received);
  }
  return frame.reply();
}

bool TestSession::NextIsCancel() {
  broker::ServiceFrame frame;
  return worker_->Receive(frame).ok() && frame.has_cancel();
}

broker::Reply TestSession::Call(broker::WorkerFrame frame, std::vector<UniqueFd>* fds) {
  uint32_t id = Begin(std::move(frame));
  broker::Reply reply = NextReply(fds);
  EXPECT_TRUE(reply.call_id() == id || reply.message() == "the channel is closed");
  return reply;
}

broker::Reply TestSession::Put(broker::FileKind kind, absl::string_view content) {
  broker::WorkerFrame create;
  create.mutable_create_file()->set_size_bytes(content.size());
  std::vector<UniqueFd> fds;
  broker::Reply reply = Call(create, &fds);
  if (fds.size() != 1) {
    return reply;
  }
  WriteAndClose(std::move(fds[0]), content);
  broker::WorkerFrame commit;
  commit.mutable_commit_file()->set_file_id(reply.file_id());
  commit.mutable_commit_file()->set_kind(kind);
  commit.mutable_commit_file()->set_digest(Digest::Sha256Of(content).ToString());
  commit.mutable_commit_file()->set_size_bytes(content.size());
  return Call(commit);
}

void TestSession::Finish(int code, absl::string_view message) {
  broker::WorkerFrame frame;
  frame.mutable_finish()->set_code(code);
  frame.mutable_finish()->set_message(std::string(message));
  Send(frame);
}

const JobOutcome& TestSession::Outcome() {
  if (thread_.joinable()) {
    thread_.join();
  }
  return outcome_;
}

}  // namespace holkas
