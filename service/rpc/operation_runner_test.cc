#include "service/rpc/operation_runner.h"

#include <atomic>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "holkas/v1/image_service.pb.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using absl::StatusCode;
using Attachment = Operation::Attachment;

constexpr char kId[] = "0b9a3a9e-6c1f-4d0c-9a52-1111111111ff";

class OperationRunnerTest : public testing::Test {
 protected:
  OperationTicket Ticket(const std::string& id = kId, const std::string& owner = "alice") {
    v1::DeleteRequest request;
    request.set_image("docker://r.example/app:1");
    return runner_->TicketOf(owner, "Delete", id, request);
  }

  // A job with the outcome at once.
  OperationRunner::Job Gives(Operation::Outcome outcome) {
    return [this, outcome = std::move(outcome)](Operation&, std::function<bool()>) {
      ++started_;
      return outcome;
    };
  }

  // A job that runs until the test lets it, or until it is cancelled.
  OperationRunner::Job Waits() {
    return [this](Operation&, std::function<bool()> cancelled) -> Operation::Outcome {
      ++started_;
      while (!go_on_.WaitForNotificationWithTimeout(absl::Milliseconds(1))) {
        if (cancelled()) {
          ++cancelled_;
          return absl::CancelledError("cancelled");
        }
      }
      return "done";
    };
  }

  // The outcome, for a caller who waits for it.
  Operation::Outcome Run(const OperationTicket& ticket, OperationRunner::Job job) {
    ASSIGN_OR_RETURN(const std::unique_ptr<Attachment> attachment,
                     runner_->Start(ticket, std::move(job)));
    attachment->AwaitEnd([] { return false; });
    return attachment->outcome();
  }

  void WaitFor(const std::atomic<int>& count, int value) {
    while (count < value) {
      absl::SleepFor(absl::Milliseconds(1));
    }
  }

  // The clock's, ahead of the Epoch.
  std::atomic<int> seconds_ = 0;
  std::atomic<int> started_ = 0;
  std::atomic<int> cancelled_ = 0;
  absl::Notification go_on_;
  std::optional<OperationRunner> runner_{
      std::in_place, RequestHash::Create().value(),
      OperationRunner::Limits{
          .running = 3, .attached = 3, .time_alone = absl::Seconds(15), .kept = {.kept = 100}},
      [this] { return absl::UnixEpoch() + absl::Seconds(seconds_.load()); }};
};

TEST_F(OperationRunnerTest, TheSameRequestRunsOnce) {
  EXPECT_EQ(*runner_->Find(Ticket()), nullptr);
  ASSERT_OK_AND_ASSIGN(const auto first, runner_->Start(Ticket(), Waits()));
  ASSERT_OK_AND_ASSIGN(const auto second, runner_->Start(Ticket(), Waits()));
  go_on_.Notify();
  first->AwaitEnd([] { return false; });
  second->AwaitEnd([] { return false; });
  EXPECT_EQ(*first->outcome(), "done");
  EXPECT_EQ(*second->outcome(), "done");
  seconds_ = 599;
  EXPECT_EQ(*Run(Ticket(), Gives("another")), "done");
  EXPECT_EQ(started_, 1);
  seconds_ = 600;
  EXPECT_EQ(*Run(Ticket(), Gives("another")), "another");
}

TEST_F(OperationRunnerTest, AnIdIsTheSameInUpperCase) {
  EXPECT_EQ(Ticket("0B9A3A9E-6C1F-4D0C-9A52-1111111111FF").id, Ticket().id);
}

TEST_F(OperationRunnerTest, ErrorsAreResults) {
  EXPECT_THAT(Run(Ticket(), Gives(absl::NotFoundError("no such image"))),
              StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(Run(Ticket(), Gives("another")), StatusIs(StatusCode::kNotFound));
}

TEST_F(OperationRunnerTest, AfterErrorsThatPassTheRequestRunsAnew) {
  for (const StatusCode code : {StatusCode::kResourceExhausted, StatusCode::kUnavailable,
                                StatusCode::kCancelled, StatusCode::kDeadlineExceeded}) {
    EXPECT_THAT(Run(Ticket(), Gives(absl::Status(code, "not now"))), StatusIs(code));
  }
  EXPECT_EQ(*Run(Ticket(), Gives("done")), "done");
  EXPECT_EQ(started_, 5);
}

TEST_F(OperationRunnerTest, GoesOnAloneForItsTimeAndNotLonger) {
  ASSERT_OK_AND_ASSIGN(auto caller, runner_->Start(Ticket(), Waits()));
  WaitFor(started_, 1);
  seconds_ = 100;
  caller.reset();
  seconds_ = 114;
  ASSERT_OK_AND_ASSIGN(caller, runner_->Find(Ticket()));
  ASSERT_NE(caller, nullptr);
  seconds_ = 200;
  EXPECT_EQ(cancelled_, 0);
  caller.reset();
  seconds_ = 215;
  WaitFor(cancelled_, 1);
  EXPECT_EQ(*runner_->Find(Ticket()), nullptr);
  go_on_.Notify();
  EXPECT_EQ(*Run(Ticket(), Gives("done")), "done");
}

TEST_F(OperationRunnerTest, AttachedCallsAreBounded) {
  ASSERT_OK_AND_ASSIGN(const auto first, runner_->Start(Ticket(), Waits()));
  ASSERT_OK_AND_ASSIGN(const auto second, runner_->Find(Ticket()));
  ASSERT_OK_AND_ASSIGN(const auto third, runner_->Start(Ticket(), Waits()));
  EXPECT_EQ(ErrorReason(runner_->Find(Ticket()).status()), "LIMIT_EXCEEDED");
  go_on_.Notify();
}

TEST_F(OperationRunnerTest, RunningOperationsAreBounded) {
  std::vector<std::unique_ptr<Attachment>> calls;
  for (int i = 0; i < 3; ++i) {
    calls.push_back(runner_->Start(Ticket(absl::StrCat(i)), Waits()).value());
  }
  EXPECT_EQ(ErrorReason(runner_->Start(Ticket("3"), Waits()).status()), "LIMIT_EXCEEDED");
  EXPECT_OK(runner_->Start(Ticket("2"), Waits()).status()) << "it runs already";
  go_on_.Notify();
}

TEST_F(OperationRunnerTest, ThousandsOfIdsAreBounded) {
  for (int i = 0; i < 3000; ++i) {
    ASSERT_EQ(*Run(Ticket(absl::StrCat(i)), Gives("done")), "done");
  }
  EXPECT_EQ(*runner_->Find(Ticket("2899")), nullptr);
  EXPECT_NE(*runner_->Find(Ticket("2900")), nullptr);
}

TEST_F(OperationRunnerTest, CancelAllEndsWhatRunsAndStartsNothing) {
  ASSERT_OK_AND_ASSIGN(const auto caller, runner_->Start(Ticket(), Waits()));
  runner_->CancelAll();
  caller->AwaitEnd([] { return false; });
  EXPECT_THAT(caller->outcome(), StatusIs(StatusCode::kCancelled));
  EXPECT_EQ(ErrorReason(runner_->Start(Ticket(), Waits()).status()), "SERVER_DRAINING");
}

TEST_F(OperationRunnerTest, ItsEndIsTheEndOfItsJobs) {
  EXPECT_OK(runner_->Start(Ticket(), Waits()).status());
  WaitFor(started_, 1);
  runner_.reset();
  EXPECT_EQ(cancelled_, 1);
}

TEST_F(OperationRunnerTest, NothingOfTheRequestIsKept) {
  v1::DeleteRequest request;
  request.set_image("docker://r.example/app:1");
  request.mutable_registry()->set_bearer_token("s3cr3t-token");
  const OperationTicket ticket = runner_->TicketOf("alice", "Delete", kId, request);
  EXPECT_EQ((ticket.owner + ticket.rpc + ticket.id + ticket.hash).find("s3cr3t"),
            std::string::npos);
  request.mutable_registry()->set_bearer_token("another");
  EXPECT_NE(runner_->TicketOf("alice", "Delete", kId, request).hash, ticket.hash);
}

}  // namespace
}  // namespace holkas
