#include "service/rpc/export.h"

#include <unistd.h>

#include <string>

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

v1::CopyResponse Result() {
  v1::CopyResponse event;
  event.mutable_result()->set_manifest_digest("sha256:abc");
  return event;
}

class ExportTest : public ImageServiceTest {
 protected:
  // A worker that writes the archive.
  void StartWriter(const std::string& archive) {
    Start([this, archive](FakeWorkerSide& worker) {
      job_ = worker.Begin();
      WriteAndClose(worker.CreateFile(), archive);
      worker.Publish();
      worker.SendEvent(Result());
      worker.Finish();
      return CleanExit();
    });
  }

  absl::Status Export(const v1::ExportRequest& request) {
    grpc::ClientContext context;
    const auto call = stub_->Export(&context, request);
    v1::ExportResponse event;
    bytes_.clear();
    copy_events_ = 0;
    while (call->Read(&event)) {
      EXPECT_LE(event.chunk().size(), size_t{1} << 20);
      copy_events_ += event.has_copy() ? 1 : 0;
      EXPECT_TRUE(event.has_chunk() || bytes_.empty()) << "an event behind bytes";
      bytes_ += event.chunk();
    }
    return FromGrpcStatus(call->Finish());
  }

  broker::JobSpec job_;
  std::string bytes_;
  int copy_events_ = 0;
};

v1::ExportRequest ExportOf(const std::string& source) {
  v1::ExportRequest request;
  request.mutable_copy()->set_source(source);
  return request;
}

TEST_F(ExportTest, TheCallerGetsWhatTheWorkerWrote) {
  std::string archive(3 << 20, 'x');
  archive += "the end";
  StartWriter(archive);
  v1::ExportRequest request = ExportOf("docker://localhost/a:1");
  request.set_image("app:1");
  ASSERT_OK(Export(request));
  EXPECT_EQ(copy_events_, 1);
  EXPECT_TRUE(bytes_ == archive);
  EXPECT_EQ(job_.destination().oci_archive().reference(), "app:1");
}

TEST_F(ExportTest, ALargerArchiveThanMayBeEndsTheJob) {
  StartWriter(std::string((4 << 20) + 1, 'x'));
  const absl::Status status = Export(ExportOf("docker://localhost/a:1"));
  EXPECT_THAT(status, StatusIs(StatusCode::kResourceExhausted));
  EXPECT_EQ(ErrorReason(status), "SPOOL_QUOTA_EXCEEDED");
  EXPECT_EQ(bytes_, "");
}

TEST_F(ExportTest, ALargerArchiveNamesTheLimitWhoeverIsToldFirst) {
  Start([](FakeWorkerSide& worker) {
    worker.Begin();
    WriteAndClose(worker.CreateFile(), std::string((4 << 20) + 1, 'x'));
    // What holkasd told it, as far as a worker passes it on.
    worker.Finish(MakeError(StatusCode::kResourceExhausted, "SPOOL_QUOTA_EXCEEDED", "too large"));
    return CleanExit();
  });
  const absl::Status status = Export(ExportOf("docker://localhost/a:1"));
  EXPECT_EQ(ErrorReason(status), "SPOOL_QUOTA_EXCEEDED");
  EXPECT_EQ(ErrorMetadata(status)["limit"], "max_archive_bytes");
}

TEST_F(ExportTest, AWorkerThatFillsTheDiskIsKilledWhileItWrites) {
  Start([](FakeWorkerSide& worker) {
    worker.Begin();
    const UniqueFd file = worker.CreateFile();
    // A hole is size, too.
    EXPECT_EQ(pwrite(file.get(), "x", 1, int64_t{1} << 40), 1);
    worker.AwaitEnd();
    return CleanExit();
  });
  const absl::Status status = Export(ExportOf("docker://localhost/a:1"));
  EXPECT_EQ(ErrorReason(status), "SPOOL_QUOTA_EXCEEDED");
  EXPECT_EQ(launcher_->killed(), 1);
}

TEST_F(ExportTest, AFieldThatTheWorkerNamesIsNamedFromTheRequestOn) {
  Start([](FakeWorkerSide& worker) {
    worker.Begin();
    worker.Finish(MakeError(StatusCode::kInvalidArgument, "INVALID_FIELD", "not so",
                            {{"field", "compression_format"}}));
    return CleanExit();
  });
  const absl::Status status = Export(ExportOf("docker://localhost/a:1"));
  EXPECT_EQ(ErrorMetadata(status)["field"], "copy.compression_format");
}

TEST_F(ExportTest, AJobThatFailsGivesNoBytes) {
  Start([](FakeWorkerSide& worker) {
    worker.Begin();
    WriteAndClose(worker.CreateFile(), "half of it");
    worker.Finish(MakeError(StatusCode::kNotFound, "MANIFEST_UNKNOWN", "no such image"));
    return CleanExit();
  });
  EXPECT_EQ(ErrorReason(Export(ExportOf("docker://localhost/a:1"))), "MANIFEST_UNKNOWN");
  EXPECT_EQ(bytes_, "");
}

}  // namespace
}  // namespace holkas
