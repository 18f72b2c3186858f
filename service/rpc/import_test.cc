#include "service/rpc/import.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "proto/wire/unique_fd.h"
#include "service/broker/test_files.h"
#include "service/jobs/testing/fake_launcher.h"
#include "service/rpc/grpc_status.h"
#include "service/rpc/image_service_fixture.h"

namespace holkas {
namespace {

using absl::StatusCode;
using testing::HasSubstr;
using ImportCall = grpc::ClientReaderWriterInterface<v1::ImportRequest, v1::ImportResponse>;

v1::ImportRequest OptionsOf(const std::string& destination) {
  v1::ImportRequest request;
  request.mutable_options()->mutable_copy()->set_destination(destination);
  return request;
}

v1::ImportRequest OptionsWithId(const std::string& destination) {
  v1::ImportRequest request = OptionsOf(destination);
  request.mutable_options()->mutable_copy()->set_request_id("0b9a3a9e-6c1f-4d0c-9a52-1111111111ff");
  return request;
}

v1::ImportRequest Chunk(const std::string& bytes) {
  v1::ImportRequest request;
  request.set_chunk(bytes);
  return request;
}

v1::CopyResponse Result() {
  v1::CopyResponse event;
  event.mutable_result()->set_manifest_digest("sha256:abc");
  return event;
}

class ImportTest : public ImageServiceTest {
 protected:
  // A worker that copies to a registry: it reads the archive, and is done.
  void StartReader() {
    Start([this](FakeWorkerSide& worker) {
      job_ = worker.Begin();
      const UniqueFd archive = worker.OpenSource();
      archive_ = archive.valid() ? ReadTestFd(archive) : "<none>";
      worker.SendEvent(Result());
      worker.Finish();
      return CleanExit();
    });
  }

  // How an Import ended that sends these messages.
  absl::Status Send(const std::vector<v1::ImportRequest>& messages) {
    grpc::ClientContext context;
    const std::unique_ptr<ImportCall> call = stub_->Import(&context);
    for (const v1::ImportRequest& message : messages) {
      call->Write(message);
    }
    call->WritesDone();
    return End(*call);
  }

  // Reads what there is to be read.
  absl::Status End(ImportCall& call) {
    events_.clear();
    v1::ImportResponse event;
    while (call.Read(&event)) {
      events_.push_back(event);
    }
    return FromGrpcStatus(call.Finish());
  }

  std::vector<v1::ImportResponse> events_;
  broker::JobSpec job_;
  std::string archive_;
};

TEST_F(ImportTest, TheWorkerReadsWhatWasSent) {
  StartReader();
  ASSERT_OK(Send({OptionsOf("docker://localhost/a:1"), Chunk("one "), Chunk(""), Chunk("two")}));
  EXPECT_EQ(archive_, "one two");
  EXPECT_TRUE(job_.source().has_any_archive());
  EXPECT_TRUE(job_.copy().source().empty());
  ASSERT_GE(events_.size(), 2u);
  EXPECT_EQ(events_.end()[-2].received_bytes(), 7);
  EXPECT_EQ(events_.back().copy().result().manifest_digest(), "sha256:abc");
}

TEST_F(ImportTest, ARepeatedOneAttachesAndNeedsNoBytes) {
  StartReader();
  const v1::ImportRequest options = OptionsWithId("docker://localhost/a:1");
  ASSERT_OK(Send({options, Chunk("one")}));
  EXPECT_EQ(archive_, "one");
  ASSERT_OK(Send({options}));
  ASSERT_EQ(events_.size(), 2u);
  EXPECT_TRUE(events_[0].has_attached());
  EXPECT_EQ(events_[1].copy().result().manifest_digest(), "sha256:abc");
  EXPECT_EQ(launcher_->launched(), 1);
  EXPECT_EQ(ErrorReason(Send({OptionsWithId("docker://localhost/b:1")})), "REQUEST_ID_REUSED");
}

TEST_F(ImportTest, UploadsCountAsTheirCallersRequests) {
  max_calls_per_caller_ = 2;
  StartReader();
  grpc::ClientContext contexts[2];
  std::unique_ptr<ImportCall> calls[2];
  for (int i = 0; i < 2; ++i) {
    calls[i] = stub_->Import(&contexts[i]);
    calls[i]->Write(OptionsOf("docker://localhost/a:1"));
    calls[i]->Write(Chunk("half of "));
    v1::ImportResponse told;
    ASSERT_TRUE(calls[i]->Read(&told));
  }
  const absl::Status refused = Send({OptionsOf("docker://localhost/a:1"), Chunk("whole")});
  EXPECT_THAT(refused, StatusIs(StatusCode::kResourceExhausted,
                                HasSubstr("(limits.max_requests_per_caller)")));
  EXPECT_EQ(ErrorReason(refused), "LIMIT_EXCEEDED");
  grpc::ClientContext context;
  v1::GetServerInfoResponse info;
  EXPECT_TRUE(stub_->GetServerInfo(&context, {}, &info).ok());
  calls[0]->WritesDone();
  EXPECT_OK(End(*calls[0]));
  EXPECT_OK(Send({OptionsOf("docker://localhost/a:1"), Chunk("whole")}));
  contexts[1].TryCancel();
  EXPECT_THAT(End(*calls[1]), StatusIs(StatusCode::kCancelled));
}

TEST_F(ImportTest, AnUploadThatIsCutLeavesNothing) {
  StartReader();
  const v1::ImportRequest options = OptionsWithId("docker://localhost/a:1");
  {
    grpc::ClientContext context;
    const std::unique_ptr<ImportCall> call = stub_->Import(&context);
    call->Write(options);
    call->Write(Chunk("half of "));
    v1::ImportResponse told;
    EXPECT_TRUE(call->Read(&told));
    context.TryCancel();
    EXPECT_THAT(End(*call), StatusIs(StatusCode::kCancelled));
  }
  ASSERT_OK(Send({options, Chunk("whole")}));
  EXPECT_EQ(archive_, "whole");
  EXPECT_EQ(launcher_->launched(), 1);
}

TEST_F(ImportTest, AFieldThatTheWorkerNamesIsNamedFromTheRequestOn) {
  std::string field;
  Start([&field](FakeWorkerSide& worker) {
    worker.Begin();
    worker.Finish(
        MakeError(StatusCode::kInvalidArgument, "INVALID_FIELD", "not so", {{"field", field}}));
    return CleanExit();
  });
  for (const auto& [worker_says, told] :
       {std::pair("encryption.recipients", "options.copy.encryption.recipients"),
        std::pair("certificates.ca_pem", "certificates.ca_pem")}) {
    field = worker_says;
    const absl::Status status = Send({OptionsOf("docker://localhost/a:1"), Chunk("x")});
    EXPECT_EQ(ErrorMetadata(status)["field"], told);
  }
}

TEST_F(ImportTest, TheImageIsWhatFollowsAPath) {
  StartReader();
  v1::ImportRequest options = OptionsOf("docker://localhost/a:1");
  options.mutable_options()->set_image("busybox");
  ASSERT_OK(Send({options}));
  EXPECT_EQ(job_.source().any_archive().docker().name(), "docker.io/library/busybox:latest");
  EXPECT_EQ(job_.source().any_archive().oci().reference(), "busybox");
  options.mutable_options()->set_format(v1::ARCHIVE_FORMAT_DOCKER);
  options.mutable_options()->set_image("@2");
  ASSERT_OK(Send({options}));
  EXPECT_EQ(job_.source().docker_archive().index(), 2u);
  options.mutable_options()->set_format(v1::ARCHIVE_FORMAT_OCI);
  ASSERT_OK(Send({options}));
  EXPECT_EQ(job_.source().oci_archive().index(), 2u);
  options.mutable_options()->clear_image();
  options.mutable_options()->set_format(v1::ARCHIVE_FORMAT_DIRECTORY);
  ASSERT_OK(Send({options}));
  EXPECT_TRUE(job_.source().has_dir_archive());
}

TEST_F(ImportTest, ANameThatOnlyALayoutCanHoldIsNoneOfDocker) {
  StartReader();
  v1::ImportRequest options = OptionsOf("docker://localhost/a:1");
  options.mutable_options()->set_image("Upper-Case");
  ASSERT_OK(Send({options}));
  EXPECT_FALSE(job_.source().any_archive().has_docker());
  EXPECT_EQ(job_.source().any_archive().oci().reference(), "Upper-Case");
}

TEST_F(ImportTest, TheFirstMessageAndNoOtherHoldsOptions) {
  StartReader();
  const v1::ImportRequest options = OptionsOf("docker://localhost/a:1");
  const std::vector<std::pair<std::vector<v1::ImportRequest>, std::string>> cases = {
      {{}, "options"},
      {{Chunk("x")}, "options"},
      {{v1::ImportRequest()}, "options"},
      {{options, Chunk("x"), options}, "options"},
      {{options, v1::ImportRequest()}, "chunk"},
      {{options, Chunk(std::string((1 << 20) + 1, 'x'))}, "chunk"},
  };
  for (const auto& [messages, field] : cases) {
    const absl::Status status = Send(messages);
    EXPECT_THAT(status, StatusIs(StatusCode::kInvalidArgument, HasSubstr(field)));
    EXPECT_EQ(ErrorReason(status), "INVALID_FIELD");
    EXPECT_EQ(ErrorMetadata(status)["field"], field);
  }
  EXPECT_EQ(launcher_->launched(), 0);
  EXPECT_OK(Send({options, Chunk(std::string(1 << 20, 'x'))})) << "the largest chunk";
}

TEST_F(ImportTest, AnotherSizeThanWasToldIsDataLoss) {
  StartReader();
  v1::ImportRequest options = OptionsOf("docker://localhost/a:1");
  options.mutable_options()->set_size_bytes(3);
  for (const std::string archive : {"ab", "abcd"}) {
    const absl::Status status = Send({options, Chunk(archive)});
    EXPECT_THAT(status, StatusIs(StatusCode::kDataLoss));
    EXPECT_EQ(ErrorReason(status), "CONTENT_MISMATCH");
  }
  EXPECT_EQ(launcher_->launched(), 0);
  EXPECT_OK(Send({options, Chunk("abc")}));
}

TEST_F(ImportTest, TheQuotaIsRefusedBeforeBytesCome) {
  StartReader();
  v1::ImportRequest options = OptionsOf("docker://localhost/a:1");
  options.mutable_options()->set_size_bytes((4 << 20) + 1);
  const absl::Status status = Send({options});
  EXPECT_THAT(status, StatusIs(StatusCode::kResourceExhausted));
  EXPECT_EQ(ErrorReason(status), "SPOOL_QUOTA_EXCEEDED");
  EXPECT_EQ(ErrorMetadata(status)["limit"], "max_archive_bytes");
}

TEST_F(ImportTest, ACallerWhoSendsNothingIsCutOff) {
  timeouts_.archive_pause = absl::Milliseconds(100);
  StartReader();
  for (const bool with_options : {false, true}) {
    grpc::ClientContext context;
    const std::unique_ptr<ImportCall> call = stub_->Import(&context);
    if (with_options) {
      call->Write(OptionsOf("docker://localhost/a:1"));
    }
    EXPECT_THAT(End(*call),
                StatusIs(StatusCode::kDeadlineExceeded, HasSubstr("did nothing for 100ms")));
  }
  EXPECT_EQ(launcher_->launched(), 0);
}

TEST_F(ImportTest, MessagesWithoutBytesAreNoProgress) {
  timeouts_.archive_pause = absl::Milliseconds(200);
  StartReader();
  grpc::ClientContext context;
  const std::unique_ptr<ImportCall> call = stub_->Import(&context);
  call->Write(OptionsOf("docker://localhost/a:1"));
  // Until the call is broken off.
  while (call->Write(Chunk(""))) {
  }
  EXPECT_THAT(End(*call), StatusIs(StatusCode::kDeadlineExceeded));
}

TEST_F(ImportTest, ACallerWhoSendsNothingIsToldThatTheServerEnds) {
  StartReader();
  grpc::ClientContext context;
  const std::unique_ptr<ImportCall> call = stub_->Import(&context);
  call->Write(OptionsOf("docker://localhost/a:1"));
  call->Write(Chunk("half of "));
  v1::ImportResponse told;
  ASSERT_TRUE(call->Read(&told));
  runner_->Drain();
  EXPECT_THAT(End(*call), StatusIs(StatusCode::kUnavailable, "the server is shutting down"));
  EXPECT_EQ(launcher_->launched(), 0);
}

TEST_F(ImportTest, ACallThatIsCancelledCopiesNothing) {
  StartReader();
  for (int round = 0; round < 20; ++round) {
    grpc::ClientContext context;
    const std::unique_ptr<ImportCall> call = stub_->Import(&context);
    call->Write(OptionsOf("docker://localhost/a:1"));
    call->Write(Chunk("some"));
    v1::ImportResponse event;
    ASSERT_TRUE(call->Read(&event));
    context.TryCancel();
    EXPECT_THAT(End(*call), StatusIs(StatusCode::kCancelled));
  }
  TearDown();
  EXPECT_EQ(launcher_->launched(), 0);
}

}  // namespace
}  // namespace holkas
