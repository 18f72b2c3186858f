#include "proto/broker/job_frames.h"

#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using testing::HasSubstr;

class JobFramesTest : public testing::Test {
 protected:
  JobFramesTest() {
    auto pair = *FrameChannel::NewPair();
    service_ = std::make_unique<FrameChannel>(std::move(pair.first), FrameChannel::AcceptFds::kNo);
    worker_ = std::make_unique<FrameChannel>(std::move(pair.second), FrameChannel::AcceptFds::kYes);
  }

  // A job that is `size` bytes long.
  static broker::JobSpec JobOf(size_t size) {
    broker::JobSpec job;
    std::string& pem =
        *job.mutable_source()->mutable_registry()->mutable_certificates()->mutable_ca_pem();
    pem.assign(size, 'x');
    pem.resize(size - (job.ByteSizeLong() - size));
    EXPECT_EQ(job.ByteSizeLong(), size);
    return job;
  }

  // What the worker receives of `job`, while the service sends it.
  absl::StatusOr<broker::JobSpec> Pass(const broker::JobSpec& job) {
    std::thread sender([this, &job] {
      EXPECT_OK(SendJob(*service_, job, absl::Now() + absl::Seconds(30)));
      service_.reset();
    });
    absl::StatusOr<broker::JobSpec> received = ReceiveJob(*worker_);
    sender.join();
    return received;
  }

  void SendChunk(const std::string& data, bool last) {
    broker::ServiceFrame frame;
    frame.mutable_job_chunk()->set_data(data);
    frame.mutable_job_chunk()->set_last(last);
    ASSERT_OK(service_->Send(frame));
  }

  std::unique_ptr<FrameChannel> service_;
  std::unique_ptr<FrameChannel> worker_;
};

class JobFramesSizeTest : public JobFramesTest, public testing::WithParamInterface<size_t> {};

TEST_P(JobFramesSizeTest, JobArrivesWhole) {
  const broker::JobSpec job = JobOf(GetParam());
  ASSERT_OK_AND_ASSIGN(const broker::JobSpec received, Pass(job));
  EXPECT_EQ(received.SerializeAsString(), job.SerializeAsString());
  // Nothing is left over.
  broker::ServiceFrame frame;
  EXPECT_THAT(worker_->Receive(frame), StatusIs(absl::StatusCode::kUnavailable));
}

INSTANTIATE_TEST_SUITE_P(Sizes, JobFramesSizeTest,
                         testing::Values(100, kMaxFrameBytes - 64, kMaxFrameBytes - 4,
                                         kMaxFrameBytes - 3, kMaxFrameBytes, kMaxFrameBytes + 1,
                                         10 * kMaxFrameBytes, kMaxJobBytes));

TEST_F(JobFramesTest, SmallJobIsOneFrame) {
  ASSERT_OK(SendJob(*service_, JobOf(100), absl::InfiniteFuture()));
  broker::ServiceFrame frame;
  ASSERT_OK(worker_->Receive(frame));
  EXPECT_TRUE(frame.has_job());
}

TEST_F(JobFramesTest, TooLargeJobIsNotBegun) {
  const absl::Status sent = SendJob(*service_, JobOf(kMaxJobBytes + 1), absl::InfiniteFuture());
  EXPECT_THAT(sent, StatusIs(absl::StatusCode::kResourceExhausted,
                             "the request with the certificates of all its registries and mirrors "
                             "has 1048577 bytes, at most 1048576"));
  EXPECT_EQ(ErrorReason(sent), "LIMIT_EXCEEDED");
  broker::ServiceFrame frame;
  EXPECT_THAT(worker_->Receive(frame, absl::InfinitePast()),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
}

TEST_F(JobFramesTest, WorkerThatDoesNotReadIsNotWaitedForLong) {
  EXPECT_THAT(SendJob(*service_, JobOf(kMaxJobBytes), absl::Now() + absl::Milliseconds(50)),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
}

TEST_F(JobFramesTest, OtherFramesAreNoJob) {
  broker::ServiceFrame reply;
  reply.mutable_reply();
  ASSERT_OK(service_->Send(reply));
  EXPECT_THAT(ReceiveJob(*worker_), StatusIs(absl::StatusCode::kInvalidArgument));
  SendChunk("x", false);
  ASSERT_OK(service_->Send(reply));
  EXPECT_THAT(ReceiveJob(*worker_), StatusIs(absl::StatusCode::kInvalidArgument));
  SendChunk("", false);
  EXPECT_THAT(ReceiveJob(*worker_), StatusIs(absl::StatusCode::kInvalidArgument));
  SendChunk("\xff\xff", true);
  EXPECT_THAT(ReceiveJob(*worker_),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("malformed")));
}

TEST_F(JobFramesTest, TooManyPartsAreNoJob) {
  std::thread sender([this] {
    for (size_t sent = 0; sent <= kMaxJobBytes; sent += 60000) {
      SendChunk(std::string(60000, 'x'), false);
    }
  });
  EXPECT_THAT(ReceiveJob(*worker_),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("more than 1048576 bytes")));
  sender.join();
}

TEST_F(JobFramesTest, ServiceThatIsGoneIsUnavailable) {
  SendChunk("x", false);
  service_.reset();
  EXPECT_THAT(ReceiveJob(*worker_), StatusIs(absl::StatusCode::kUnavailable));
}

}  // namespace
}  // namespace holkas
