#include "service/rpc/operation.h"

#include <thread>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "service/rpc/event_queue.h"

namespace holkas {
namespace {

using absl::StatusCode;
using Attachment = Operation::Attachment;

v1::CopyResponse Started(const std::string& blob) {
  v1::CopyResponse event;
  event.mutable_blob_started()->set_digest(blob);
  return event;
}

// The digests of the events of an operation that is over.
std::vector<std::string> Drain(Attachment& attachment) {
  std::vector<std::string> digests;
  while (auto event = attachment.Next()) {
    digests.push_back(event->blob_started().digest());
  }
  return digests;
}

class OperationTest : public testing::Test {
 protected:
  absl::Time now_ = absl::UnixEpoch();
  std::shared_ptr<Operation> operation_ = std::make_shared<Operation>([this] { return now_; });
};

TEST_F(OperationTest, EachCallGetsTheEventsFromThenOnAndTheOutcome) {
  Attachment first(operation_);
  operation_->Publish(Started("a"));
  Attachment second(operation_);
  operation_->Publish(Started("b"));
  operation_->Finish("done");
  EXPECT_THAT(Drain(first), testing::ElementsAre("a", "b"));
  EXPECT_THAT(Drain(second), testing::ElementsAre("b"));
  EXPECT_EQ(*first.outcome(), "done");
  EXPECT_EQ(*second.outcome(), "done");
}

TEST_F(OperationTest, WhoComesAfterTheEndGetsTheOutcomeAlone) {
  operation_->Publish(Started("a"));
  operation_->Finish(absl::NotFoundError("no such image"));
  Attachment late(operation_);
  late.AwaitEnd([] { return false; });
  EXPECT_THAT(Drain(late), testing::IsEmpty());
  EXPECT_THAT(late.outcome().status(), StatusIs(StatusCode::kNotFound, "no such image"));
}

TEST_F(OperationTest, ACallThatReadsTooSlowlyFailsAlone) {
  Attachment slow(operation_);
  Attachment quick(operation_);
  for (size_t i = 0; i <= kMaxWaitingEvents; ++i) {
    operation_->Publish(Started(absl::StrCat(i)));
    EXPECT_EQ(quick.Next()->blob_started().digest(), absl::StrCat(i));
  }
  operation_->Finish("done");
  slow.AwaitEnd([] { return false; });
  EXPECT_EQ(ErrorReason(slow.outcome().status()), "LIMIT_EXCEEDED");
  EXPECT_EQ(*quick.outcome(), "done");
}

TEST_F(OperationTest, ACallThatHangsUpWaitsForNothing) {
  Attachment attachment(operation_);
  std::thread reader([&attachment] { EXPECT_FALSE(attachment.Next().has_value()); });
  attachment.AwaitEnd([] { return true; });
  reader.join();
  EXPECT_THAT(attachment.outcome().status(), StatusIs(StatusCode::kCancelled));
}

TEST_F(OperationTest, TimeAloneBeginsWhenTheLastCallIsGone) {
  {
    Attachment first(operation_);
    now_ += absl::Seconds(100);
    Attachment second(operation_);
    EXPECT_EQ(operation_->attached(), 2);
    EXPECT_EQ(operation_->time_alone(), absl::ZeroDuration());
  }
  EXPECT_EQ(operation_->attached(), 0);
  EXPECT_EQ(operation_->time_alone(), absl::ZeroDuration());
  now_ += absl::Seconds(3);
  EXPECT_EQ(operation_->time_alone(), absl::Seconds(3));
  Attachment third(operation_);
  EXPECT_EQ(operation_->time_alone(), absl::ZeroDuration());
}

TEST_F(OperationTest, TheJobNeedsNobody) {
  { Attachment gone(operation_); }
  operation_->Publish(Started("a"));
  operation_->Finish("done");
  EXPECT_EQ(*Attachment(operation_).outcome(), "done");
}

}  // namespace
}  // namespace holkas
