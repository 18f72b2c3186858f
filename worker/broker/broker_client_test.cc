#include "worker/broker/broker_client.h"

#include <sys/socket.h>

#include <algorithm>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;

const char kHex[] = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

// holkasd's end of the channel, played by the test.
class BrokerClientTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(auto pair, FrameChannel::NewPair());
    service_ = std::make_unique<FrameChannel>(std::move(pair.first), FrameChannel::AcceptFds::kNo);
    worker_ = std::make_unique<FrameChannel>(std::move(pair.second), FrameChannel::AcceptFds::kYes);
    broker_ = NewBrokerClient(*worker_);
  }

  broker::WorkerFrame NextCall() {
    broker::WorkerFrame frame;
    EXPECT_OK(service_->Receive(frame).status());
    return frame;
  }

  void Answer(broker::Reply reply, const std::vector<int>& fds = {}) {
    broker::ServiceFrame frame;
    reply.set_fd_count(fds.size());
    *frame.mutable_reply() = std::move(reply);
    EXPECT_OK(service_->Send(frame, fds));
  }

  broker::Reply ReplyTo(const broker::WorkerFrame& call) {
    broker::Reply reply;
    reply.set_call_id(call.call_id());
    return reply;
  }

  std::unique_ptr<FrameChannel> service_;
  std::unique_ptr<FrameChannel> worker_;
  std::unique_ptr<Broker> broker_;
};

TEST_F(BrokerClientTest, ConnectSendsWhatItWasGivenAndReturnsTheSocket) {
  std::thread service([this] {
    broker::WorkerFrame call = NextCall();
    EXPECT_EQ(call.connect().host(), "registry.example");
    EXPECT_EQ(call.connect().port(), 443u);
    EXPECT_EQ(call.connect().place(), broker::PLACE_SOURCE);
    Answer(ReplyTo(call), {0});
  });
  absl::StatusOr<UniqueFd> fd =
      broker_->Connect(broker::PLACE_SOURCE, broker::PURPOSE_REGISTRY, "registry.example", 443);
  service.join();
  ASSERT_OK(fd.status());
  EXPECT_GT(fd->get(), 2);
}

TEST_F(BrokerClientTest, FailureKeepsCodeReasonAndMessage) {
  std::thread service([this] {
    broker::Reply reply = ReplyTo(NextCall());
    reply.set_code(static_cast<int>(absl::StatusCode::kPermissionDenied));
    reply.set_reason("ADDRESS_DENIED");
    reply.set_message("connect to 10.0.0.1: a private address");
    Answer(reply);
  });
  absl::Status status =
      broker_->Connect(broker::PLACE_SOURCE, broker::PURPOSE_REDIRECT, "h", 443).status();
  service.join();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("private address")));
  EXPECT_EQ(ErrorReason(status), "ADDRESS_DENIED");
}

TEST_F(BrokerClientTest, RepliesFindTheirCallsInAnyOrder) {
  constexpr int kCalls = 16;
  Digest digest = *Digest::Parse(kHex);
  std::vector<std::thread> threads;
  for (int i = 0; i < kCalls; ++i) {
    threads.emplace_back([this, &digest, i] {
      for (int round = 0; round < 20; ++round) {
        EXPECT_THAT(broker_->HasBlob(digest, i), IsOkAndHolds(i % 2 == 1));
      }
    });
  }
  for (int round = 0; round < 20; ++round) {
    std::vector<broker::WorkerFrame> calls;
    for (int i = 0; i < kCalls; ++i) {
      calls.push_back(NextCall());
    }
    std::reverse(calls.begin(), calls.end());
    for (const broker::WorkerFrame& call : calls) {
      broker::Reply reply = ReplyTo(call);
      reply.set_present(call.has_blob().size_bytes() % 2 == 1);
      Answer(reply);
    }
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

TEST_F(BrokerClientTest, LostServiceFailsAllCallsThatWaitAndAllLaterOnes) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back(
        [this] { EXPECT_THAT(broker_->DropFile(1), StatusIs(absl::StatusCode::kUnavailable)); });
  }
  for (int i = 0; i < 4; ++i) {
    NextCall();
  }
  service_.reset();
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_THAT(broker_->Publish(0, 0), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(BrokerClientTest, CancelIsHeardWithoutACallAndWhileOneWaits) {
  EXPECT_FALSE(broker_->Cancelled());
  std::thread caller([this] { EXPECT_OK(broker_->DropFile(1)); });
  const broker::WorkerFrame call = NextCall();
  EXPECT_FALSE(broker_->Cancelled());
  broker::ServiceFrame frame;
  frame.mutable_cancel();
  ASSERT_OK(service_->Send(frame));
  while (!broker_->Cancelled()) {
    std::this_thread::yield();
  }
  Answer(ReplyTo(call));
  caller.join();
  EXPECT_TRUE(broker_->Cancelled());
}

TEST_F(BrokerClientTest, NobodyWaitsWhenTheServiceIsGone) {
  EXPECT_FALSE(broker_->Cancelled());
  service_.reset();
  EXPECT_TRUE(broker_->Cancelled());
}

TEST_F(BrokerClientTest, ReplyToNoCallBreaksTheClient) {
  std::thread service([this] {
    broker::Reply reply = ReplyTo(NextCall());
    reply.set_call_id(77);
    Answer(reply);
  });
  EXPECT_THAT(broker_->DropFile(1), StatusIs(absl::StatusCode::kInternal));
  service.join();
}

TEST_F(BrokerClientTest, ReplyWithoutItsDescriptorIsAnError) {
  std::thread service([this] { Answer(ReplyTo(NextCall())); });
  EXPECT_THAT(broker_->CreateFile(-1).status(), StatusIs(absl::StatusCode::kInternal));
  service.join();
}

TEST_F(BrokerClientTest, BeginPublishGivesTheListThenTheNewFile) {
  std::thread service([this] {
    broker::Reply reply = ReplyTo(NextCall());
    reply.set_has_current(true);
    reply.set_file_id(9);
    Answer(reply, {0, 1});
  });
  ASSERT_OK_AND_ASSIGN(Broker::PublishLock lock, broker_->BeginPublish());
  service.join();
  EXPECT_TRUE(lock.current.has_value());
  EXPECT_EQ(lock.next.id, 9u);
  EXPECT_TRUE(lock.next.fd.valid());
}

TEST_F(BrokerClientTest, LogIsPrintableAndCut) {
  broker_->Log(1, std::string("a\x1b[31m\xff") + std::string(5000, 'x'));
  broker::WorkerFrame frame = NextCall();
  EXPECT_EQ(frame.call_id(), 0u);
  EXPECT_THAT(frame.log().message(), testing::StartsWith("a\\x1b[31m\\xff"));
  EXPECT_LE(frame.log().message().size(), 1024u);
}

TEST_F(BrokerClientTest, TagsAreANoteInOneFrame) {
  v1::ListTagsResponse tags;
  tags.add_tags("b");
  tags.add_tags("a");
  EXPECT_OK(broker_->SendTags(tags));
  broker::WorkerFrame frame = NextCall();
  EXPECT_EQ(frame.call_id(), 0u);
  EXPECT_THAT(frame.tags().tags(), testing::ElementsAre("b", "a"));
  tags.add_tags(std::string(70000, 'x'));
  EXPECT_THAT(broker_->SendTags(tags), StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST_F(BrokerClientTest, EventLargerThanAFrameIsRefused) {
  v1::CopyResponse event;
  event.mutable_result()->add_warnings(std::string(70000, 'x'));
  EXPECT_THAT(broker_->SendEvent(event), StatusIs(absl::StatusCode::kResourceExhausted));
}

}  // namespace
}  // namespace holkas
