#include "proto/wire/frame_channel.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "google/protobuf/wrappers.pb.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using ::google::protobuf::StringValue;
using ::testing::HasSubstr;

StringValue Text(const std::string& text) {
  StringValue value;
  value.set_value(text);
  return value;
}

int OpenFds() {
  int count = 0;
  for (int fd = 0; fd < 256; ++fd) {
    count += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
  }
  return count;
}

class FrameChannelTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(auto pair, FrameChannel::NewPair());
    raw_ = pair.second.get();
    service_ = std::make_unique<FrameChannel>(std::move(pair.first), FrameChannel::AcceptFds::kNo);
    worker_ = std::make_unique<FrameChannel>(std::move(pair.second), FrameChannel::AcceptFds::kYes);
  }

  // Sends a packet from the worker's end, past the class under test.
  void SendRaw(const std::string& bytes, int fd_count) {
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
    ASSERT_EQ(sendmsg(raw_, &message, 0), static_cast<ssize_t>(bytes.size()));
  }

  std::unique_ptr<FrameChannel> service_;
  std::unique_ptr<FrameChannel> worker_;
  int raw_ = -1;
};

TEST_F(FrameChannelTest, PairIsCloseOnExec) {
  EXPECT_EQ(fcntl(service_->fd(), F_GETFD), FD_CLOEXEC);
  EXPECT_EQ(fcntl(worker_->fd(), F_GETFD), FD_CLOEXEC);
}

TEST_F(FrameChannelTest, FramesKeepTheirOrderAndContent) {
  ASSERT_OK(service_->Send(Text("one")));
  ASSERT_OK(service_->Send(Text("two")));
  StringValue frame;
  ASSERT_OK(worker_->Receive(frame).status());
  EXPECT_EQ(frame.value(), "one");
  ASSERT_OK(worker_->Receive(frame).status());
  EXPECT_EQ(frame.value(), "two");
}

TEST_F(FrameChannelTest, LargestFrameArrivesAndOneByteMoreIsRefused) {
  std::string largest(kMaxFrameBytes - 4, 'x');  // one byte of tag, three of length
  ASSERT_OK(service_->Send(Text(largest)));
  StringValue frame;
  ASSERT_OK(worker_->Receive(frame).status());
  EXPECT_EQ(frame.value(), largest);
  EXPECT_THAT(service_->Send(Text(largest + "x")),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("65537")));
}

TEST_F(FrameChannelTest, DescriptorsArriveCloseOnExec) {
  ASSERT_OK(service_->Send(Text("fds"), {0, 1, 2, 0, 0}));
  StringValue frame;
  ASSERT_OK_AND_ASSIGN(std::vector<UniqueFd> fds, worker_->Receive(frame));
  ASSERT_EQ(fds.size(), kMaxFrameFds);
  for (const UniqueFd& fd : fds) {
    EXPECT_EQ(fcntl(fd.get(), F_GETFD), FD_CLOEXEC);
  }
}

TEST_F(FrameChannelTest, MoreThanFiveDescriptorsAreNotSent) {
  EXPECT_THAT(service_->Send(Text("fds"), {0, 0, 0, 0, 0, 0}),
              StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST_F(FrameChannelTest, UnwantedDescriptorIsAnErrorAndNotKept) {
  int before = OpenFds();
  SendRaw(Text("fd").SerializeAsString(), 1);
  StringValue frame;
  EXPECT_THAT(service_->Receive(frame).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("descriptors")));
  EXPECT_EQ(OpenFds(), before);
}

TEST_F(FrameChannelTest, TooManyDescriptorsAreAnErrorAndAllAreClosed) {
  ASSERT_OK_AND_ASSIGN(auto pair, FrameChannel::NewPair());
  FrameChannel receiver(std::move(pair.first), FrameChannel::AcceptFds::kYes);
  raw_ = pair.second.get();
  int before = OpenFds();
  SendRaw(Text("fds").SerializeAsString(), 9);
  StringValue frame;
  EXPECT_THAT(receiver.Receive(frame).status(), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(OpenFds(), before);
}

TEST_F(FrameChannelTest, OversizePacketIsAnError) {
  SendRaw(std::string(kMaxFrameBytes + 1, 'x'), 0);
  StringValue frame;
  EXPECT_THAT(service_->Receive(frame).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("65536")));
}

TEST_F(FrameChannelTest, MalformedPacketIsAnError) {
  SendRaw("\xff\xff\xff", 0);
  StringValue frame;
  EXPECT_THAT(service_->Receive(frame).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("malformed")));
}

TEST_F(FrameChannelTest, EmptyFrameIsNotSent) {
  EXPECT_THAT(service_->Send(StringValue()), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(FrameChannelTest, ClosedPeerIsUnavailableBothWays) {
  worker_.reset();
  StringValue frame;
  EXPECT_THAT(service_->Receive(frame).status(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(service_->Send(Text("x")), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(FrameChannelTest, LastFramesOfAPeerThatClosedWithUnreadOnesStillArrive) {
  ASSERT_OK(service_->Send(Text("never read")));
  ASSERT_OK(worker_->Send(Text("last words")));
  worker_.reset();
  StringValue frame;
  ASSERT_OK(service_->Receive(frame).status());
  EXPECT_EQ(frame.value(), "last words");
  EXPECT_THAT(service_->Receive(frame).status(), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(FrameChannelTest, ReceiveEndsAtItsDeadline) {
  StringValue frame;
  EXPECT_THAT(service_->Receive(frame, absl::Now() + absl::Milliseconds(5)).status(),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
}

TEST_F(FrameChannelTest, SendToAFullSocketWaitsForTheReaderOrTheDeadline) {
  absl::Status full;
  int sent = 0;
  while (full.ok() && sent < 1000) {
    full = service_->Send(Text(std::string(60000, 'x')), {}, absl::Now());
    sent += full.ok() ? 1 : 0;
  }
  EXPECT_THAT(full, StatusIs(absl::StatusCode::kDeadlineExceeded));
  std::thread reader([this, sent] {
    StringValue frame;
    for (int i = 0; i < sent + 1; ++i) {
      EXPECT_OK(worker_->Receive(frame).status());
    }
  });
  EXPECT_OK(service_->Send(Text("y")));
  reader.join();
}

}  // namespace
}  // namespace holkas
