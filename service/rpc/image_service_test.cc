#include "service/rpc/image_service.h"

#include <fcntl.h>
#include <grpcpp/create_channel_posix.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/impl/codegen/client_unary_call.h>
#include <grpcpp/server_posix.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "grpc/health/v1/health.pb.h"
#include "gtest/gtest.h"
#include "proto/registries/registries_conf.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "service/config/followed_files.h"
#include "service/jobs/testing/fake_launcher.h"
#include "service/policy/allow_list.h"
#include "service/rpc/get_server_info.h"
#include "service/rpc/grpc_server.h"
#include "service/rpc/grpc_status.h"
#include "service/rpc/image_service_fixture.h"

namespace holkas {
namespace {

using absl::StatusCode;
using testing::HasSubstr;

v1::CopyResponse Started(const std::string& digest) {
  v1::CopyResponse event;
  event.mutable_blob_started()->set_digest(digest);
  return event;
}

v1::CopyResponse Progress(const std::string& digest, int64_t done) {
  v1::CopyResponse event;
  event.mutable_blob_progress()->set_digest(digest);
  event.mutable_blob_progress()->set_done_bytes(done);
  return event;
}

v1::CopyResponse Result(const std::string& digest) {
  v1::CopyResponse event;
  event.mutable_result()->set_manifest_digest(digest);
  return event;
}

// The life of a worker that fails its job without having done anything.
FakeLauncher::Script EndAtOnce() {
  return [](FakeWorkerSide& worker) {
    worker.Begin();
    worker.Finish(absl::UnknownError("ended at once"));
    return CleanExit();
  };
}

v1::CopyRequest CopyRequestOf(const std::string& source, const std::string& destination) {
  v1::CopyRequest request;
  request.set_source(source);
  request.set_destination(destination);
  return request;
}

TEST_F(ImageServiceTest, InspectGivesWhatTheWorkerFound) {
  broker::JobSpec seen;
  Start([&seen](FakeWorkerSide& worker) {
    seen = worker.Begin();
    v1::InspectResponse response;
    response.set_digest("sha256:abc");
    worker.SendResult(response.SerializeAsString());
    worker.Finish();
    return CleanExit();
  });
  ASSERT_OK_AND_ASSIGN(const v1::InspectResponse response, Inspect("dir:/image"));
  EXPECT_EQ(response.digest(), "sha256:abc");
  EXPECT_TRUE(seen.source().has_dir());
  EXPECT_FALSE(launcher_->needed_certificate_store());
}

TEST_F(ImageServiceTest, ErrorsCarryTheirReason) {
  Start([](FakeWorkerSide& worker) {
    worker.Begin();
    worker.Finish(MakeError(StatusCode::kNotFound, "MANIFEST_UNKNOWN", "no such image"));
    return CleanExit();
  });
  absl::Status status = Inspect("docker://localhost/x").status();
  EXPECT_THAT(status, StatusIs(StatusCode::kNotFound, "no such image"));
  EXPECT_EQ(ErrorReason(status), "MANIFEST_UNKNOWN");
  EXPECT_TRUE(launcher_->needed_certificate_store());
  status = Inspect("").status();
  EXPECT_EQ(ErrorReason(status), "INVALID_FIELD");
  EXPECT_EQ(ErrorMetadata(status)["field"], "image");
  EXPECT_EQ(ErrorReason(Inspect("nonsense").status()), "INVALID_REFERENCE");
  EXPECT_EQ(launcher_->launched(), 1) << "malformed requests cost no worker";
}

TEST_F(ImageServiceTest, AResultThatIsNoResponseIsTheWorkersViolation) {
  Start([](FakeWorkerSide& worker) {
    worker.Begin();
    worker.SendResult("\xff\xff\xff");
    worker.Finish();
    return CleanExit();
  });
  EXPECT_EQ(ErrorReason(Inspect("dir:/image").status()), "WORKER_VIOLATION");
}

TEST_F(ImageServiceTest, CopyStreamsEventsAndTheResultLast) {
  Start(
      [](FakeWorkerSide& worker) {
        worker.Begin();
        worker.SendEvent(Started("a"));
        worker.SendEvent(Result("sha256:m"));
        worker.Finish();
        return CleanExit();
      },
      Peer::Kind::kPrivate);
  grpc::ClientContext context;
  const auto reader = stub_->Copy(&context, CopyRequestOf("docker://a/b", "docker://c/d"));
  v1::CopyResponse event;
  ASSERT_TRUE(reader->Read(&event));
  EXPECT_EQ(event.blob_started().digest(), "a");
  ASSERT_TRUE(reader->Read(&event));
  EXPECT_EQ(event.result().manifest_digest(), "sha256:m");
  EXPECT_FALSE(reader->Read(&event));
  EXPECT_TRUE(reader->Finish().ok());
}

TEST_F(ImageServiceTest, EventsArriveWhileTheJobRuns) {
  absl::Notification seen;
  Start([&seen](FakeWorkerSide& worker) {
    worker.Begin();
    worker.SendEvent(Started("a"));
    seen.WaitForNotification();
    worker.SendEvent(Result("sha256:m"));
    worker.Finish();
    return CleanExit();
  });
  grpc::ClientContext context;
  const auto reader = stub_->Copy(&context, CopyRequestOf("docker://a/b", "docker://c/d"));
  v1::CopyResponse event;
  ASSERT_TRUE(reader->Read(&event));
  seen.Notify();
  ASSERT_TRUE(reader->Read(&event));
  EXPECT_TRUE(reader->Finish().ok());
}

TEST_F(ImageServiceTest, AFailedCopyNeverShowsAResult) {
  Start([](FakeWorkerSide& worker) {
    worker.Begin();
    worker.SendEvent(Result("sha256:m"));
    worker.Finish(MakeError(StatusCode::kDataLoss, "CONTENT_MISMATCH", "wrong bytes"));
    return CleanExit();
  });
  grpc::ClientContext context;
  const auto reader = stub_->Copy(&context, CopyRequestOf("docker://a/b", "docker://c/d"));
  v1::CopyResponse event;
  EXPECT_FALSE(reader->Read(&event));
  const absl::Status status = FromGrpcStatus(reader->Finish());
  EXPECT_EQ(ErrorReason(status), "CONTENT_MISMATCH");
}

TEST_F(ImageServiceTest, OmittedProgressIsNotSent) {
  Start([](FakeWorkerSide& worker) {
    worker.Begin();
    worker.SendEvent(Progress("a", 1));
    worker.SendEvent(Started("b"));
    worker.SendEvent(Result("m"));
    worker.Finish();
    return CleanExit();
  });
  grpc::ClientContext context;
  v1::CopyRequest request = CopyRequestOf("docker://a/b", "docker://c/d");
  request.set_omit_progress(true);
  const auto reader = stub_->Copy(&context, request);
  v1::CopyResponse event;
  ASSERT_TRUE(reader->Read(&event));
  EXPECT_TRUE(event.has_blob_started());
  ASSERT_TRUE(reader->Read(&event));
  EXPECT_TRUE(event.has_result());
  EXPECT_FALSE(reader->Read(&event));
}

TEST_F(ImageServiceTest, ASlowReaderDelaysNoJobAndSeesTheNewestProgress) {
  constexpr int kEvents = 10000;
  absl::Notification job_done;
  Start([&job_done](FakeWorkerSide& worker) {
    worker.Begin();
    worker.SendEvent(Started("a"));
    // More than any window of HTTP/2 holds.
    for (int i = 1; i <= kEvents; ++i) {
      worker.SendEvent(Progress(absl::StrCat("sha256:", std::string(64, 'a')), i));
    }
    worker.SendEvent(Result("m"));
    worker.Finish();
    job_done.Notify();
    return CleanExit();
  });
  grpc::ClientContext context;
  const auto reader = stub_->Copy(&context, CopyRequestOf("docker://a/b", "docker://c/d"));
  ASSERT_TRUE(job_done.WaitForNotificationWithTimeout(absl::Seconds(50)));
  v1::CopyResponse event;
  int count = 0;
  int64_t last = 0;
  while (reader->Read(&event)) {
    ++count;
    if (event.has_blob_progress()) {
      EXPECT_GT(event.blob_progress().done_bytes(), last);
      last = event.blob_progress().done_bytes();
    }
  }
  EXPECT_EQ(last, kEvents);
  EXPECT_LT(count, kEvents);
  EXPECT_TRUE(event.has_result());
  EXPECT_TRUE(reader->Finish().ok());
}

TEST_F(ImageServiceTest, HangingUpKillsTheWorkerInHalfASecond) {
  absl::Notification gone;
  Start([&gone](FakeWorkerSide& worker) {
    worker.Begin();
    worker.SendEvent(Started("a"));
    worker.AwaitEnd();
    gone.Notify();
    return CleanExit();
  });
  grpc::ClientContext context;
  const auto reader = stub_->Copy(&context, CopyRequestOf("docker://a/b", "docker-daemon:c:d"));
  v1::CopyResponse event;
  ASSERT_TRUE(reader->Read(&event));
  const absl::Time start = absl::Now();
  context.TryCancel();
  gone.WaitForNotification();
  EXPECT_LT(absl::Now() - start, absl::Milliseconds(500));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_EQ(launcher_->killed(), 1);
}

TEST_F(ImageServiceTest, TheCallersDeadlineKillsTheWorker) {
  absl::Notification gone;
  Start([&gone](FakeWorkerSide& worker) {
    worker.Begin();
    worker.AwaitEnd();
    gone.Notify();
    return CleanExit();
  });
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(100));
  v1::InspectRequest request;
  request.set_image("dir:/image");
  v1::InspectResponse response;
  EXPECT_EQ(stub_->Inspect(&context, request, &response).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
  gone.WaitForNotification();
}

TEST_F(ImageServiceTest, TheServersTimeoutHoldsWithoutADeadline) {
  timeouts_.inspect = absl::Milliseconds(50);
  Start([](FakeWorkerSide& worker) {
    worker.Begin();
    worker.AwaitEnd();
    return CleanExit();
  });
  EXPECT_THAT(Inspect("dir:/image"), StatusIs(StatusCode::kDeadlineExceeded));
}

TEST_F(ImageServiceTest, StrangersMayNotUseLocalPaths) {
  Start([](FakeWorkerSide&) { return CleanExit(); }, Peer::Kind::kTcp);
  const absl::Status status = Inspect("dir:/etc").status();
  EXPECT_THAT(status, StatusIs(StatusCode::kPermissionDenied, HasSubstr("/etc")));
  EXPECT_EQ(ErrorReason(status), "PATH_DENIED");
  EXPECT_EQ(launcher_->launched(), 0);
}

TEST_F(ImageServiceTest, StrangersMayNotNameFilesOfCredentials) {
  Start(EndAtOnce(), Peer::Kind::kTcp);
  const auto is_denied = [](const absl::Status& status) {
    return absl::IsPermissionDenied(status) && ErrorReason(status) == "PATH_DENIED";
  };
  grpc::ClientContext inspect_context;
  v1::InspectRequest inspect;
  inspect.set_image("docker://r.example/app");
  inspect.mutable_registry()->set_auth_file("/root/auth.json");
  v1::InspectResponse inspect_response;
  EXPECT_TRUE(
      is_denied(FromGrpcStatus(stub_->Inspect(&inspect_context, inspect, &inspect_response))));
  grpc::ClientContext check_context;
  v1::CheckCredentialsRequest check;
  check.set_registry("r.example");
  check.mutable_access()->set_auth_file("/root/auth.json");
  v1::CheckCredentialsResponse check_response;
  EXPECT_TRUE(
      is_denied(FromGrpcStatus(stub_->CheckCredentials(&check_context, check, &check_response))));
  EXPECT_EQ(launcher_->launched(), 0);
}

TEST_F(ImageServiceTest, CredentialsAreCheckedByAWorkerWhoIsNotToldThem) {
  broker::JobSpec seen;
  Start([&seen](FakeWorkerSide& worker) {
    seen = worker.Begin();
    worker.Finish();
    return CleanExit();
  });
  grpc::ClientContext context;
  v1::CheckCredentialsRequest request;
  request.set_registry("r.example:5000");
  request.mutable_access()->mutable_basic()->set_username("alice");
  request.mutable_access()->mutable_basic()->set_password("hunter22");
  v1::CheckCredentialsResponse response;
  EXPECT_OK(FromGrpcStatus(stub_->CheckCredentials(&context, request, &response)));
  EXPECT_TRUE(seen.has_check_credentials());
  EXPECT_EQ(seen.source().registry().host(), "r.example");
  EXPECT_THAT(seen.SerializeAsString(), testing::Not(HasSubstr("hunter22")));
}

TEST_F(ImageServiceTest, RegistriesThatNobodyVouchesForMustBePublic) {
  Start(EndAtOnce());
  parts_->registry_rules.any = false;
  const absl::Status status = Inspect("docker://127.0.0.1:5000/app").status();
  EXPECT_THAT(status, StatusIs(StatusCode::kPermissionDenied, HasSubstr("a loopback address")));
  EXPECT_EQ(ErrorReason(status), "ADDRESS_DENIED");
  EXPECT_EQ(launcher_->launched(), 0);
}

TEST_F(ImageServiceTest, WhereRegistriesConfLeadsIsVouchedFor) {
  const std::string path = absl::StrCat(testing::TempDir(), "/registries.conf");
  std::ofstream(path) << "[[registry]]\nprefix = 'r.example'\nlocation = '127.0.0.1:5000'\n";
  RegistriesConf registries_conf({path, true, {}});
  Start(EndAtOnce());
  parts_->registry_rules.any = false;
  parts_->registries.registries_conf = &registries_conf;
  EXPECT_THAT(Inspect("docker://r.example/app").status(),
              StatusIs(StatusCode::kUnknown, HasSubstr("at once")));
  EXPECT_EQ(launcher_->launched(), 1);
}

TEST_F(ImageServiceTest, RelativePathsAreForPrivateServers) {
  Start(
      [](FakeWorkerSide& worker) {
        worker.Begin();
        worker.Finish(MakeError(StatusCode::kNotFound, "MANIFEST_UNKNOWN", "none"));
        return CleanExit();
      },
      Peer::Kind::kUnix);
  EXPECT_EQ(ErrorReason(Inspect("dir:image").status()), "INVALID_REFERENCE");
  stub_ = v1::ImageService::NewStub(Connect(Peer::Kind::kPrivate));
  EXPECT_EQ(ErrorReason(Inspect("dir:image").status()), "MANIFEST_UNKNOWN");
}

TEST_F(ImageServiceTest, DaemonsAreForThePrivateServersCallerAlone) {
  Start(
      [](FakeWorkerSide& worker) {
        worker.Begin();
        worker.Finish(MakeError(StatusCode::kNotFound, "TAG_UNKNOWN", "none"));
        return CleanExit();
      },
      Peer::Kind::kUnix);
  EXPECT_EQ(ErrorReason(Inspect("docker-daemon:busybox:1").status()), "DAEMON_DENIED");
  EXPECT_EQ(launcher_->launched(), 0);
  stub_ = v1::ImageService::NewStub(Connect(Peer::Kind::kPrivate));
  EXPECT_EQ(ErrorReason(Inspect("docker-daemon:busybox:1").status()), "TAG_UNKNOWN");
}

TEST_F(ImageServiceTest, RpcsOfLaterVersionsSaySo) {
  Start([](FakeWorkerSide&) { return CleanExit(); });
  const auto expect_unimplemented = [](const grpc::Status& status, const std::string& rpc) {
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED) << rpc;
    EXPECT_EQ(ErrorReason(FromGrpcStatus(status)), "RPC_UNIMPLEMENTED");
    EXPECT_EQ(ErrorMetadata(FromGrpcStatus(status))["rpc"], rpc);
  };
  const auto context = [] { return std::make_unique<grpc::ClientContext>(); };
  const auto c2 = context(), c3 = context(), c5 = context();
  v1::SignResponse signed_image;
  expect_unimplemented(stub_->Sign(c2.get(), {}, &signed_image), "Sign");
  v1::VerifyResponse verified;
  expect_unimplemented(stub_->Verify(c3.get(), {}, &verified), "Verify");
  expect_unimplemented(stub_->Sync(c5.get(), {})->Finish(), "Sync");
}

TEST_F(ImageServiceTest, DeleteGivesTheDigest) {
  broker::JobSpec seen;
  const std::string digest = "sha256:" + std::string(64, 'a');
  Start([&](FakeWorkerSide& worker) {
    seen = worker.Begin();
    v1::DeleteResponse response;
    response.set_digest(seen.delete_().only_tag() ? digest : "no digest");
    worker.SendResult(response.SerializeAsString());
    worker.Finish();
    return CleanExit();
  });
  v1::DeleteRequest request;
  request.set_image("docker://localhost/x:t");
  request.set_only_tag(true);
  v1::DeleteResponse response;
  grpc::ClientContext context;
  ASSERT_OK(FromGrpcStatus(stub_->Delete(&context, request, &response)));
  EXPECT_EQ(response.digest(), digest);
  EXPECT_EQ(seen.source().registry().tag(), "t");
  request.set_only_tag(false);
  grpc::ClientContext again;
  EXPECT_EQ(ErrorReason(FromGrpcStatus(stub_->Delete(&again, request, &response))),
            "WORKER_VIOLATION");
}

TEST_F(ImageServiceTest, ServerInfoStartsNoWorker) {
  Start([](FakeWorkerSide&) { return CleanExit(); });
  grpc::ClientContext context;
  v1::GetServerInfoResponse info;
  ASSERT_TRUE(stub_->GetServerInfo(&context, {}, &info).ok());
  EXPECT_EQ(info.sandbox_tier(), v1::SANDBOX_TIER_FULL);
  EXPECT_EQ(info.landlock_abi(), 6);
  std::vector<std::string> writable;
  std::vector<std::string> deletable;
  for (const v1::TransportInfo& transport : info.transports()) {
    EXPECT_TRUE(transport.readable());
    EXPECT_EQ(transport.listable(),
              transport.name() == "docker" || transport.name() == "docker-archive");
    if (transport.writable()) {
      writable.push_back(transport.name());
    }
    if (transport.deletable()) {
      deletable.push_back(transport.name());
    }
  }
  EXPECT_THAT(writable, testing::ElementsAre("docker", "oci", "dir", "docker-archive",
                                             "oci-archive", "docker-daemon", "containers-storage"));
  EXPECT_THAT(deletable, testing::ElementsAre("docker", "oci", "containers-storage"));
  EXPECT_EQ(info.max_concurrent_requests(), 4);
  EXPECT_EQ(info.running_requests(), 0);
  EXPECT_THAT(info.version(), testing::Not(testing::IsEmpty()));
  EXPECT_EQ(launcher_->launched(), 0);
}

TEST_F(ImageServiceTest, HealthIsTold) {
  Start([](FakeWorkerSide&) { return CleanExit(); });
  const auto check = [channel = Connect(Peer::Kind::kUnix)](const std::string& service) {
    grpc::health::v1::HealthCheckRequest request;
    request.set_service(service);
    grpc::ClientContext context;
    grpc::health::v1::HealthCheckResponse response;
    const grpc::Status status = grpc::internal::BlockingUnaryCall(
        channel.get(),
        grpc::internal::RpcMethod("/grpc.health.v1.Health/Check",
                                  grpc::internal::RpcMethod::NORMAL_RPC),
        &context, request, &response);
    return status.ok() ? static_cast<int>(response.status()) : -1;
  };
  using grpc::health::v1::HealthCheckResponse;
  EXPECT_EQ(check(""), HealthCheckResponse::SERVING);
  EXPECT_EQ(check("holkas.v1.ImageService"), HealthCheckResponse::SERVING);
  EXPECT_EQ(check("holkas.v1.Other"), -1);
  server_->GetHealthCheckService()->SetServingStatus(false);
  EXPECT_EQ(check("holkas.v1.ImageService"), HealthCheckResponse::NOT_SERVING);
}

TEST_F(ImageServiceTest, RequestsLargerThanAMebibyteAreRefused) {
  Start([](FakeWorkerSide&) { return CleanExit(); });
  EXPECT_THAT(Inspect("dir:/" + std::string(2 << 20, 'x')),
              StatusIs(StatusCode::kResourceExhausted));
}

TEST_F(ImageServiceTest, AllSlotsAndTheQueueFullIsResourceExhausted) {
  absl::Notification go_on;
  std::atomic<int> begun = 0;
  Start([&](FakeWorkerSide& worker) {
    worker.Begin();
    ++begun;
    go_on.WaitForNotification();
    worker.SendResult("");
    worker.Finish();
    return CleanExit();
  });
  std::atomic<int> ok = 0;
  std::atomic<int> refused = 0;
  absl::Notification first_refusal;
  std::vector<std::thread> threads;
  for (int i = 0; i < 9; ++i) {
    threads.emplace_back([&] {
      const absl::Status status = Inspect("dir:/image").status();
      ok += status.ok() ? 1 : 0;
      if (ErrorReason(status) == "LIMIT_EXCEEDED" && ++refused == 1) {
        first_refusal.Notify();
      }
    });
  }
  // Four run, four wait, the ninth is refused.
  EXPECT_TRUE(first_refusal.WaitForNotificationWithTimeout(absl::Seconds(50)));
  go_on.Notify();
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(ok, 8);
  EXPECT_EQ(refused, 1);
}

// Lets the user of this process inspect one repository.
std::unique_ptr<FollowedFiles<AllowList>> OneRepository() {
  return *FollowedFiles<AllowList>::Open(
      {},
      [] {
        return AllowList::Parse(
            absl::StrCat("version: 1\ncallers:\n  - {identity: \"uid:", geteuid(),
                         "\", operations: [Inspect, Copy], repositories: [a.test/app]}\n"),
            "allow.yaml");
      },
      [](const absl::Status&) {});
}

TEST_F(ImageServiceTest, WhatTheAllowListLacksStartsNoWorker) {
  const auto list = OneRepository();
  std::atomic<int> workers = 0;
  Start([&workers](FakeWorkerSide& worker) {
    ++workers;
    return EndAtOnce()(worker);
  });
  parts_->allow_list = list.get();
  EXPECT_THAT(Inspect("docker://a.test/other"),
              StatusIs(StatusCode::kPermissionDenied, HasSubstr("a.test/other")));
  for (const auto& [source, destination] :
       {std::pair("docker://a.test/other", "docker://a.test/app"),
        std::pair("docker://a.test/app", "docker://b.test/app")}) {
    grpc::ClientContext context;
    const auto reader = stub_->Copy(&context, CopyRequestOf(source, destination));
    v1::CopyResponse event;
    EXPECT_FALSE(reader->Read(&event));
    const absl::Status status = FromGrpcStatus(reader->Finish());
    EXPECT_THAT(status, StatusIs(StatusCode::kPermissionDenied));
    EXPECT_EQ(ErrorReason(status), "CALLER_DENIED");
  }
  grpc::ClientContext context;
  v1::DeleteRequest request;
  request.set_image("docker://a.test/app");
  v1::DeleteResponse response;
  EXPECT_THAT(FromGrpcStatus(stub_->Delete(&context, request, &response)),
              StatusIs(StatusCode::kPermissionDenied, HasSubstr("may not call Delete")));
  EXPECT_EQ(workers, 0);
  EXPECT_THAT(Inspect("docker://a.test/app"), StatusIs(StatusCode::kUnknown));
  EXPECT_EQ(workers, 1);
}

TEST_F(ImageServiceTest, CallersAreToldWhoTheyAre) {
  Start(EndAtOnce());
  grpc::ClientContext context;
  v1::GetServerInfoResponse response;
  ASSERT_TRUE(stub_->GetServerInfo(&context, {}, &response).ok());
  EXPECT_EQ(response.identity(), absl::StrCat("uid:", geteuid()));
}

}  // namespace
}  // namespace holkas
