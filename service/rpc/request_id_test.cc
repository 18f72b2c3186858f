// Requests with an id, over gRPC: what calls see that repeat one another.

#include <grpcpp/client_context.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/status_matchers.h"
#include "service/jobs/testing/fake_launcher.h"
#include "service/rpc/grpc_status.h"
#include "service/rpc/image_service_fixture.h"

namespace holkas {
namespace {

using absl::StatusCode;

constexpr char kId[] = "0b9a3a9e-6c1f-4d0c-9a52-1111111111ff";
const std::string& kDigest = *new std::string("sha256:" + std::string(64, 'a'));

// A call of Copy.
struct CopyCall {
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReader<v1::CopyResponse>> reader;

  // The digest of the next event that is no tick; empty after the last one.
  std::string Next() {
    v1::CopyResponse event;
    while (reader->Read(&event)) {
      if (event.has_result()) {
        return "result " + event.result().manifest_digest();
      }
      if (!event.has_image_started()) {
        return event.blob_started().digest();
      }
    }
    return "";
  }

  // Waits until the call gets events.
  void AwaitTick() {
    v1::CopyResponse event;
    EXPECT_TRUE(reader->Read(&event) && event.has_image_started());
  }

  absl::Status Finish() { return FromGrpcStatus(reader->Finish()); }

  // Reads what is left.
  absl::Status End() {
    v1::CopyResponse event;
    while (reader->Read(&event)) {
    }
    return Finish();
  }
};

class RequestIdTest : public ImageServiceTest {
 protected:
  std::unique_ptr<CopyCall> Copy(const std::string& destination = "docker://r.example/b") {
    v1::CopyRequest request;
    request.set_source("docker://r.example/a");
    request.set_destination(destination);
    request.set_request_id(kId);
    auto call = std::make_unique<CopyCall>();
    call->reader = stub_->Copy(&call->context, request);
    return call;
  }

  absl::StatusOr<std::string> Delete() {
    v1::DeleteRequest request;
    request.set_image("docker://r.example/a");
    request.set_request_id(kId);
    grpc::ClientContext context;
    v1::DeleteResponse response;
    RETURN_IF_ERROR(FromGrpcStatus(stub_->Delete(&context, request, &response)));
    return response.digest();
  }

  // A worker that tells of the blob `a`, ticks until it may go on, and then tells of `b` and of its
  // result.
  FakeLauncher::Script CopiesInTwoSteps() {
    return [this](FakeWorkerSide& worker) {
      worker.Begin();
      worker.SendEvent(Event("a"));
      v1::CopyResponse tick;
      tick.mutable_image_started();
      while (!go_on_.WaitForNotificationWithTimeout(absl::Milliseconds(5))) {
        worker.SendEvent(tick);
      }
      worker.SendEvent(Event("b"));
      v1::CopyResponse result;
      result.mutable_result()->set_manifest_digest("m");
      worker.SendEvent(result);
      worker.Finish();
      return CleanExit();
    };
  }

  // A worker that tells of the blob `a` and goes on until it is ended.
  FakeLauncher::Script GoesOnForEver() {
    return [this](FakeWorkerSide& worker) {
      worker.Begin();
      worker.SendEvent(Event("a"));
      worker.AwaitEnd();
      ended_.Notify();
      return CleanExit();
    };
  }

  static v1::CopyResponse Event(const std::string& digest) {
    v1::CopyResponse event;
    event.mutable_blob_started()->set_digest(digest);
    return event;
  }

  absl::Notification go_on_;
  absl::Notification ended_;
};

TEST_F(RequestIdTest, ARepeatedCopyAttachesToTheFirst) {
  Start(CopiesInTwoSteps());
  const auto first = Copy();
  EXPECT_EQ(first->Next(), "a");
  const auto second = Copy();
  second->AwaitTick();
  go_on_.Notify();
  for (const auto* call : {&first, &second}) {
    EXPECT_EQ((*call)->Next(), "b");
    EXPECT_EQ((*call)->Next(), "result m");
    EXPECT_EQ((*call)->Next(), "");
    EXPECT_OK((*call)->Finish());
  }
  const auto later = Copy();
  EXPECT_EQ(later->Next(), "result m");
  EXPECT_EQ(later->Next(), "");
  EXPECT_OK(later->Finish());
  EXPECT_EQ(launcher_->launched(), 1);
}

TEST_F(RequestIdTest, AnotherRequestWithTheIdIsRefused) {
  Start(CopiesInTwoSteps());
  go_on_.Notify();
  const auto first = Copy();
  while (!first->Next().empty()) {
  }
  const absl::Status status = Copy("docker://r.example/c")->Finish();
  EXPECT_THAT(status, StatusIs(StatusCode::kInvalidArgument));
  EXPECT_EQ(ErrorReason(status), "REQUEST_ID_REUSED");
  EXPECT_EQ(launcher_->launched(), 1);
}

TEST_F(RequestIdTest, AFailedCopyGivesItsErrorAgain) {
  Start([](FakeWorkerSide& worker) {
    worker.Begin();
    worker.Finish(MakeError(StatusCode::kNotFound, "MANIFEST_UNKNOWN", "no such image"));
    return CleanExit();
  });
  for (int i = 0; i < 3; ++i) {
    const absl::Status status = Copy()->Finish();
    EXPECT_THAT(status, StatusIs(StatusCode::kNotFound, "no such image"));
    EXPECT_EQ(ErrorReason(status), "MANIFEST_UNKNOWN");
  }
  EXPECT_EQ(launcher_->launched(), 1);
}

TEST_F(RequestIdTest, ACopyGoesOnWhereItsCallerHangsUp) {
  Start(CopiesInTwoSteps());
  auto first = Copy();
  EXPECT_EQ(first->Next(), "a");
  first->context.TryCancel();
  EXPECT_THAT(first->Finish(), StatusIs(StatusCode::kCancelled));
  seconds_later_ = 14;
  const auto second = Copy();
  second->AwaitTick();
  go_on_.Notify();
  EXPECT_EQ(second->Next(), "b");
  EXPECT_EQ(second->Next(), "result m");
  EXPECT_EQ(launcher_->launched(), 1);
  EXPECT_EQ(launcher_->killed(), 0);
}

TEST_F(RequestIdTest, AWorkerThatNobodyWaitsForIsEndedAfterItsTime) {
  Start(GoesOnForEver());
  auto call = Copy();
  EXPECT_EQ(call->Next(), "a");
  call->context.TryCancel();
  EXPECT_THAT(call->Finish(), StatusIs(StatusCode::kCancelled));
  // The server notices after a while that it is gone.
  while (!ended_.WaitForNotificationWithTimeout(absl::Milliseconds(20))) {
    seconds_later_ += 15;
  }
  EXPECT_GE(seconds_later_, 15);
}

TEST_F(RequestIdTest, TheFirstCallersDeadlineHolds) {
  Start(GoesOnForEver());
  v1::CopyRequest request;
  request.set_source("docker://r.example/a");
  request.set_destination("docker://r.example/b");
  request.set_request_id(kId);
  grpc::ClientContext first_context;
  first_context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(300));
  const auto first = stub_->Copy(&first_context, request);
  v1::CopyResponse event;
  EXPECT_TRUE(first->Read(&event));
  const auto second = Copy();
  EXPECT_THAT(second->Finish(), StatusIs(StatusCode::kDeadlineExceeded));
  EXPECT_TRUE(ended_.HasBeenNotified());
  EXPECT_EQ(first->Finish().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
}

TEST_F(RequestIdTest, AttachedCallsCountAsTheirCallersRequests) {
  max_calls_per_caller_ = 2;
  Start(CopiesInTwoSteps());
  const auto first = Copy();
  EXPECT_EQ(first->Next(), "a");
  const auto second = Copy();
  second->AwaitTick();
  EXPECT_EQ(ErrorReason(Copy()->End()), "LIMIT_EXCEEDED");
  go_on_.Notify();
  EXPECT_OK(first->End());
  EXPECT_OK(second->End());
  EXPECT_OK(Copy()->End());
}

TEST_F(RequestIdTest, WhoLostItsOnlyCallMayAttachAgain) {
  max_calls_per_caller_ = 1;
  Start(CopiesInTwoSteps());
  const auto lost = Copy();
  EXPECT_EQ(lost->Next(), "a");
  lost->context.TryCancel();
  auto again = Copy();
  v1::CopyResponse event;
  while (!again->reader->Read(&event)) {
    // The lost one ends a moment later.
    ASSERT_EQ(ErrorReason(again->End()), "LIMIT_EXCEEDED");
    again = Copy();
  }
  go_on_.Notify();
  EXPECT_OK(again->End());
  EXPECT_EQ(launcher_->launched(), 1);
}

TEST_F(RequestIdTest, WhoIsAttachedWhenTheServerCancelsAllIsToldWhy) {
  Start(GoesOnForEver());
  const auto first = Copy();
  EXPECT_EQ(first->Next(), "a");
  const auto second = Copy();
  runner_->CancelAll();
  for (const auto* call : {&first, &second}) {
    const absl::Status status = (*call)->End();
    EXPECT_THAT(status, StatusIs(StatusCode::kUnavailable));
    EXPECT_EQ(ErrorReason(status), "SERVER_DRAINING");
  }
}

TEST_F(RequestIdTest, ADeletionRunsOnce) {
  std::atomic<int> deletions = 0;
  Start([&deletions](FakeWorkerSide& worker) {
    worker.Begin();
    if (++deletions > 1) {
      worker.Finish(absl::NotFoundError("no such image"));
      return CleanExit();
    }
    v1::DeleteResponse response;
    response.set_digest(kDigest);
    worker.SendResult(response.SerializeAsString());
    worker.Finish();
    return CleanExit();
  });
  EXPECT_EQ(*Delete(), kDigest);
  EXPECT_EQ(*Delete(), kDigest);
  EXPECT_EQ(deletions, 1);
  seconds_later_ = 600;
  EXPECT_THAT(Delete(), StatusIs(StatusCode::kNotFound)) << "it is forgotten";
}

TEST_F(RequestIdTest, ADeletionGoesOnWhereItsCallerHangsUp) {
  absl::Notification begun;
  Start([this, &begun](FakeWorkerSide& worker) {
    worker.Begin();
    begun.Notify();
    go_on_.WaitForNotification();
    v1::DeleteResponse response;
    response.set_digest(kDigest);
    worker.SendResult(response.SerializeAsString());
    worker.Finish();
    return CleanExit();
  });
  v1::DeleteRequest request;
  request.set_image("docker://r.example/a");
  request.set_request_id(kId);
  grpc::ClientContext context;
  std::thread caller([&] {
    v1::DeleteResponse response;
    EXPECT_EQ(stub_->Delete(&context, request, &response).error_code(),
              grpc::StatusCode::CANCELLED);
  });
  begun.WaitForNotification();
  context.TryCancel();
  caller.join();
  go_on_.Notify();
  EXPECT_EQ(*Delete(), kDigest);
  EXPECT_EQ(launcher_->launched(), 1);
}

TEST_F(RequestIdTest, AfterAFullQueueTheRequestRunsAnew) {
  Start(CopiesInTwoSteps());
  launcher_->FailWith(MakeError(StatusCode::kResourceExhausted, "LIMIT_EXCEEDED", "too many"));
  EXPECT_EQ(ErrorReason(Copy()->Finish()), "LIMIT_EXCEEDED");
  launcher_->FailWith(absl::OkStatus());
  go_on_.Notify();
  EXPECT_EQ(Copy()->Next(), "a");
}

TEST_F(RequestIdTest, WhatIsWrongWithARequestIsToldEachTime) {
  Start(CopiesInTwoSteps());
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(ErrorReason(Copy("tarball:/x")->Finish()), "TRANSPORT_UNIMPLEMENTED");
  }
  EXPECT_EQ(launcher_->launched(), 0);
}

}  // namespace
}  // namespace holkas
