#include "service/jobs/job_runner.h"

#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/digest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "service/blobs/blob_info_cache.h"
#include "service/jobs/testing/fake_launcher.h"
#include "service/policy/grants.h"

namespace holkas {
namespace {

using absl::StatusCode;
using testing::HasSubstr;

// Collects what is logged.
class LogPipe {
 public:
  LogPipe() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(pipe(ends), 0);
    read_end_.reset(ends[0]);
    write_end_.reset(ends[1]);
  }
  int fd() const { return write_end_.get(); }
  // All lines so far. Once.
  std::string Take() {
    write_end_.reset();
    std::string text;
    char buffer[4096];
    for (ssize_t n; (n = read(read_end_.get(), buffer, sizeof buffer)) > 0;) {
      text.append(buffer, static_cast<size_t>(n));
    }
    return text;
  }

 private:
  UniqueFd read_end_;
  UniqueFd write_end_;
};

JobRunner::Call InspectCall() {
  JobRunner::Call call;
  call.number = 7;
  call.rpc = "Inspect";
  call.source = "docker://localhost/x:y";
  call.job.mutable_source()->mutable_dir();
  call.job.mutable_inspect();
  call.deadline = absl::Now() + absl::Seconds(30);
  call.cancelled = [] { return false; };
  return call;
}

// A worker that tells when it has its job, and never finishes it.
FakeLauncher::Script RunsUntilItIsEnded(absl::Notification& begun) {
  return [&begun](FakeWorkerSide& worker) {
    worker.Begin();
    begun.Notify();
    worker.AwaitEnd();
    return CleanExit();
  };
}

class JobRunnerTest : public testing::Test {
 protected:
  LogPipe log_;
  Logger logger_{LogLevel::kInfo, LogFormat::kJson, log_.fd()};
  AuthorizationResources authorization_;
};

TEST_F(JobRunnerTest, GivesTheResultOfTheWorker) {
  FakeLauncher launcher([](FakeWorkerSide& worker) {
    worker.Begin();
    worker.SendResult("one ");
    worker.SendResult("two");
    worker.Finish();
    return CleanExit();
  });
  JobRunner runner(launcher, logger_, authorization_, {.concurrent = 1, .queued = 0});
  JobRunner::Call call = InspectCall();
  call.needs_certificate_store = true;
  EXPECT_THAT(runner.Run(std::move(call)), IsOkAndHolds("one two"));
  EXPECT_EQ(runner.running(), 0);
  EXPECT_EQ(launcher.killed(), 0);
  EXPECT_TRUE(launcher.needed_certificate_store());
  const std::string log = log_.Take();
  EXPECT_THAT(log, HasSubstr("\"message\":\"request started\",\"request\":7,\"rpc\":\"Inspect\""));
  EXPECT_THAT(log, HasSubstr("\"code\":\"OK\""));
  EXPECT_THAT(log, HasSubstr("\"worker_pid\":4242,\"worker_exit\":\"exited with status 0\""));
}

TEST_F(JobRunnerTest, GivesTheErrorOfTheWorker) {
  FakeLauncher launcher([](FakeWorkerSide& worker) {
    worker.Begin();
    worker.Finish(MakeError(StatusCode::kNotFound, "MANIFEST_UNKNOWN", "no such image"));
    return CleanExit();
  });
  JobRunner runner(launcher, logger_, authorization_, {.concurrent = 1, .queued = 0});
  const absl::Status status = runner.Run(InspectCall()).status();
  EXPECT_THAT(status, StatusIs(StatusCode::kNotFound, "no such image"));
  EXPECT_EQ(ErrorReason(status), "MANIFEST_UNKNOWN");
  EXPECT_THAT(log_.Take(), HasSubstr("\"reason\":\"MANIFEST_UNKNOWN\""));
}

TEST_F(JobRunnerTest, AWorkerThatDiesIsInternalAndTellsHow) {
  FakeLauncher launcher([](FakeWorkerSide& worker) {
    worker.Begin();
    return WorkerExit{WorkerExit::How::kSignaled, 31};
  });
  JobRunner runner(launcher, logger_, authorization_, {.concurrent = 1, .queued = 0});
  const absl::Status status = runner.Run(InspectCall()).status();
  EXPECT_THAT(status, StatusIs(StatusCode::kInternal, HasSubstr("signal 31")));
  EXPECT_EQ(ErrorReason(status), "WORKER_DIED");
  EXPECT_THAT(ErrorMetadata(status)["worker_exit"], HasSubstr("signal 31"));
  EXPECT_THAT(log_.Take(), HasSubstr("\"level\":\"error\""));
}

TEST_F(JobRunnerTest, AWorkerThatBreaksTheProtocolIsDistrusted) {
  FakeLauncher launcher([](FakeWorkerSide& worker) {
    worker.Begin();
    broker::WorkerFrame frame;
    frame.set_call_id(1);
    frame.mutable_publish();
    worker.Send(frame);  // an Inspect has nothing to publish
    worker.AwaitEnd();
    return CleanExit();
  });
  JobRunner runner(launcher, logger_, authorization_, {.concurrent = 1, .queued = 0});
  const absl::Status status = runner.Run(InspectCall()).status();
  EXPECT_THAT(status, StatusIs(StatusCode::kInternal));
  EXPECT_EQ(ErrorReason(status), "WORKER_VIOLATION");
  EXPECT_EQ(launcher.distrusted(), 1);
}

TEST_F(JobRunnerTest, ADeadlineKillsTheWorker) {
  FakeLauncher launcher([](FakeWorkerSide& worker) {
    worker.Begin();
    worker.AwaitEnd();
    return CleanExit();
  });
  JobRunner runner(launcher, logger_, authorization_, {.concurrent = 1, .queued = 0});
  JobRunner::Call call = InspectCall();
  call.deadline = absl::Now() + absl::Milliseconds(20);
  EXPECT_THAT(runner.Run(std::move(call)), StatusIs(StatusCode::kDeadlineExceeded));
  EXPECT_EQ(launcher.killed(), 1);
  EXPECT_EQ(launcher.distrusted(), 0);
}

TEST_F(JobRunnerTest, ACallerWhoHangsUpKillsTheWorkerInHalfASecond) {
  absl::Notification begun;
  FakeLauncher launcher(RunsUntilItIsEnded(begun));
  JobRunner runner(launcher, logger_, authorization_, {.concurrent = 1, .queued = 0});
  JobRunner::Call call = InspectCall();
  call.cancelled = [&begun] { return begun.HasBeenNotified(); };
  const absl::Time start = absl::Now();
  EXPECT_THAT(runner.Run(std::move(call)), StatusIs(StatusCode::kCancelled));
  EXPECT_LT(absl::Now() - start, absl::Milliseconds(500));
  EXPECT_EQ(launcher.killed(), 1);
}

TEST_F(JobRunnerTest, ARunningJobThatIsCancelledWithAllOthersSaysWhy) {
  absl::Notification begun;
  FakeLauncher launcher(RunsUntilItIsEnded(begun));
  JobRunner runner(launcher, logger_, authorization_, {.concurrent = 1, .queued = 1});
  std::thread job([&runner] {
    const absl::Status status = runner.Run(InspectCall()).status();
    EXPECT_THAT(status, StatusIs(StatusCode::kUnavailable));
    EXPECT_EQ(ErrorReason(status), "SERVER_DRAINING");
  });
  begun.WaitForNotification();
  runner.CancelAll();
  job.join();
  EXPECT_EQ(launcher.killed(), 1);
  EXPECT_EQ(ErrorReason(runner.Run(InspectCall()).status()), "SERVER_DRAINING");
}

TEST_F(JobRunnerTest, JobsOfOneCallerAreCounted) {
  absl::Notification begun;
  absl::Notification go_on;
  FakeLauncher launcher([&](FakeWorkerSide& worker) {
    worker.Begin();
    if (!begun.HasBeenNotified()) {
      begun.Notify();
      go_on.WaitForNotification();
    }
    worker.Finish();
    return CleanExit();
  });
  JobRunner runner(launcher, logger_, authorization_,
                   {.concurrent = 2, .queued = 0, .per_caller = 1});
  const auto run = [&runner](const std::string& identity) {
    JobRunner::Call call = InspectCall();
    call.caller_identity = identity;
    return runner.Run(std::move(call)).status();
  };
  std::thread job([&run] { EXPECT_OK(run("uid:1")); });
  begun.WaitForNotification();
  const absl::Status refused = run("uid:1");
  EXPECT_THAT(refused, StatusIs(StatusCode::kResourceExhausted,
                                HasSubstr("(limits.max_requests_per_caller)")));
  EXPECT_EQ(ErrorReason(refused), "LIMIT_EXCEEDED");
  EXPECT_OK(run("uid:2"));
  go_on.Notify();
  job.join();
  EXPECT_OK(run("uid:1"));
}

TEST_F(JobRunnerTest, NoWorkerMeansNoJob) {
  FakeLauncher launcher([](FakeWorkerSide&) { return CleanExit(); });
  launcher.FailWith(MakeError(StatusCode::kInternal, "SANDBOX_FAILED", "cannot confine"));
  JobRunner runner(launcher, logger_, authorization_, {.concurrent = 1, .queued = 0});
  EXPECT_EQ(ErrorReason(runner.Run(InspectCall()).status()), "SANDBOX_FAILED");
  EXPECT_EQ(runner.running(), 0);
}

TEST_F(JobRunnerTest, DrainRefusesNewJobsAndLetsTheRunningOnesEnd) {
  absl::Notification begun;
  absl::Notification go_on;
  FakeLauncher launcher([&](FakeWorkerSide& worker) {
    worker.Begin();
    begun.Notify();
    go_on.WaitForNotification();
    worker.Finish();
    return CleanExit();
  });
  JobRunner runner(launcher, logger_, authorization_, {.concurrent = 2, .queued = 0});
  std::thread job([&runner] { EXPECT_OK(runner.Run(InspectCall())); });
  begun.WaitForNotification();
  runner.Drain();
  EXPECT_EQ(ErrorReason(runner.Run(InspectCall()).status()), "SERVER_DRAINING");
  EXPECT_FALSE(runner.WaitUntilIdle(absl::Now()));
  go_on.Notify();
  EXPECT_TRUE(runner.WaitUntilIdle(absl::Now() + absl::Seconds(30)));
  job.join();
}

TEST_F(JobRunnerTest, BusyRegistryKeepsNobodyFromAnotherOne) {
  absl::Notification begun;
  absl::Notification go_on;
  std::atomic<int> at_busy = 0;
  FakeLauncher launcher([&](FakeWorkerSide& worker) {
    if (worker.Begin().source().registry().host() == "busy.test" && at_busy++ == 0) {
      begun.Notify();
      go_on.WaitForNotification();
    }
    worker.Finish();
    return CleanExit();
  });
  JobRunner runner(launcher, logger_, authorization_,
                   {.concurrent = 2, .queued = 0, .connections_per_registry = 1});
  const auto run = [&runner](const std::string& host, absl::Duration patience) {
    JobRunner::Call call = InspectCall();
    call.job.mutable_source()->mutable_registry()->set_host(host);
    call.deadline = absl::Now() + patience;
    return runner.Run(std::move(call)).status();
  };
  std::thread job([&] { EXPECT_OK(run("busy.test", absl::Seconds(30))); });
  begun.WaitForNotification();
  EXPECT_THAT(run("busy.test", absl::ZeroDuration()),
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("busy.test")));
  std::thread waiting([&] { EXPECT_OK(run("busy.test", absl::Seconds(30))); });
  EXPECT_OK(run("other.test", absl::Seconds(30)));
  EXPECT_EQ(at_busy, 1);
  go_on.Notify();
  job.join();
  waiting.join();
  EXPECT_EQ(at_busy, 2);
}

// A job at r.example.com as alice.
JobRunner::Call CallAsAlice() {
  JobRunner::Call call = InspectCall();
  call.job.mutable_source()->mutable_registry()->set_host("r.example.com");
  call.grants.source_registry = RegistryGrant{.host = "r.example.com", .ports = {443}};
  RegistryIdentity& identity = call.identity.source.emplace_back();
  identity.registry = call.job.source().registry();
  identity.credentials = UserPassword{"alice", "hunter22"};
  identity.scopes = {"repository:x:pull"};
  return call;
}

broker::Authorize BearerQuestion() {
  broker::Authorize question;
  question.set_place(broker::PLACE_SOURCE);
  question.set_scheme(broker::AUTH_SCHEME_BEARER);
  question.set_realm_https(true);
  question.set_realm_host("auth.example.com");
  question.set_realm_port(443);
  question.set_realm_target("/token");
  return question;
}

// The life of an auth worker whose result is `token`, and of every other worker that asks for one
// and gives the answer as its error.
FakeLauncher::Script AskForToken(const std::string& token) {
  return [token](FakeWorkerSide& worker) {
    const broker::JobSpec job = worker.Begin();
    if (job.has_token()) {
      broker::TokenResponse response;
      response.set_token(token);
      worker.SendResult(response.SerializeAsString());
      worker.Finish();
      return CleanExit();
    }
    EXPECT_THAT(job.SerializeAsString(), testing::Not(HasSubstr("hunter22")));
    const broker::Reply reply = worker.Authorize(BearerQuestion());
    EXPECT_THAT(reply.authorization(), testing::AnyOf("", absl::StrCat("Bearer ", token)));
    worker.Finish(absl::UnknownError(
        absl::StrCat("code ", reply.code(), " ", reply.message(), reply.authorization())));
    return CleanExit();
  };
}

TEST_F(JobRunnerTest, TokenIsFetchedByAnotherWorkerAndNeitherLoggedNorTold) {
  FakeLauncher launcher(AskForToken("t0ken-canary"));
  JobRunner runner(launcher, logger_, authorization_, {.concurrent = 1, .queued = 0});
  EXPECT_THAT(runner.Run(CallAsAlice()).status(),
              StatusIs(absl::StatusCode::kUnknown, HasSubstr("code 0 Bearer ***")));
  EXPECT_EQ(launcher.launched(), 2);
  // The next job has it from the cache.
  EXPECT_FALSE(runner.Run(CallAsAlice()).ok());
  EXPECT_EQ(launcher.launched(), 3);
  const std::string log = log_.Take();
  EXPECT_FALSE(absl::StrContains(log, "t0ken-canary")) << log;
  EXPECT_THAT(log, HasSubstr("\"token fetched\""));
  EXPECT_THAT(log, HasSubstr("auth.example.com:443"));
}

// A copy with a private key.
JobRunner::Call CallWithKey() {
  JobRunner::Call call = InspectCall();
  call.job.set_has_decryption_keys(true);
  call.identity.decryption_keys.emplace_back().set_key("private-canary");
  return call;
}

TEST_F(JobRunnerTest, LayerKeyIsUnwrappedByAnotherWorker) {
  FakeLauncher launcher([](FakeWorkerSide& worker) {
    const broker::JobSpec job = worker.Begin();
    if (job.has_unwrap()) {
      EXPECT_EQ(job.unwrap().keys(0).key(), "private-canary");
      broker::LayerKey key;
      key.set_key(std::string(32, 'k'));
      key.set_nonce(std::string(16, 'n'));
      key.set_plain_digest(absl::StrCat("sha256:", std::string(64, 'a')));
      worker.SendResult(key.SerializeAsString());
      worker.Finish();
      return CleanExit();
    }
    EXPECT_THAT(job.SerializeAsString(), testing::Not(HasSubstr("private-canary")));
    broker::WrappedKeys wrapped;
    wrapped.add_jwe("{}");
    const broker::Reply reply = worker.UnwrapKey(wrapped);
    EXPECT_EQ(reply.code(), 0);
    EXPECT_EQ(reply.layer_key().key(), std::string(32, 'k'));
    worker.Finish();
    return CleanExit();
  });
  JobRunner runner(launcher, logger_, authorization_, {.concurrent = 1, .queued = 0});
  EXPECT_OK(runner.Run(CallWithKey()).status());
  EXPECT_EQ(launcher.launched(), 2);
  const std::string log = log_.Take();
  EXPECT_FALSE(absl::StrContains(log, "private-canary")) << log;
  EXPECT_THAT(log, HasSubstr("\"layer key unwrapped\""));
}

TEST_F(JobRunnerTest, WordsOfTheUnwrapWorkerComeToNobody) {
  FakeLauncher launcher([](FakeWorkerSide& worker) {
    const broker::JobSpec job = worker.Begin();
    if (job.has_unwrap()) {
      worker.Finish(MakeError(absl::StatusCode::kUnavailable, "KEY_UNSUITABLE", "private-canary"));
      return CleanExit();
    }
    const broker::Reply reply = worker.UnwrapKey({});
    EXPECT_EQ(reply.reason(), "KEY_UNSUITABLE");
    worker.Finish(absl::UnknownError(reply.message()));
    return CleanExit();
  });
  JobRunner runner(launcher, logger_, authorization_, {.concurrent = 1, .queued = 0});
  EXPECT_THAT(runner.Run(CallWithKey()).status(),
              StatusIs(absl::StatusCode::kUnknown, HasSubstr("no suitable key unwrapper")));
  EXPECT_FALSE(absl::StrContains(log_.Take(), "private-canary"));
}

TEST_F(JobRunnerTest, DeathOfTheAuthWorkerIsNotTheWaitingOnes) {
  FakeLauncher launcher([](FakeWorkerSide& worker) {
    const broker::JobSpec job = worker.Begin();
    if (job.has_token()) {
      return WorkerExit{WorkerExit::How::kSignaled, 11};
    }
    const broker::Reply reply = worker.Authorize(BearerQuestion());
    EXPECT_EQ(reply.code(), static_cast<int>(absl::StatusCode::kInternal));
    EXPECT_EQ(reply.reason(), "WORKER_DIED");
    worker.Finish(absl::UnknownError("went on"));
    return CleanExit();
  });
  JobRunner runner(launcher, logger_, authorization_, {.concurrent = 1, .queued = 0});
  EXPECT_THAT(runner.Run(CallAsAlice()).status(), StatusIs(absl::StatusCode::kUnknown));
}

TEST_F(JobRunnerTest, CancelledCallEndsTheAuthWorker) {
  std::atomic<bool> fetching = false;
  FakeLauncher launcher([&fetching](FakeWorkerSide& worker) {
    const broker::JobSpec job = worker.Begin();
    if (job.has_token()) {
      fetching = true;
    } else {
      worker.Authorize(BearerQuestion());
    }
    worker.AwaitEnd();
    return CleanExit();
  });
  JobRunner runner(launcher, logger_, authorization_, {.concurrent = 1, .queued = 0});
  JobRunner::Call call = CallAsAlice();
  call.cancelled = [&fetching] { return fetching.load(); };
  EXPECT_THAT(runner.Run(std::move(call)).status(), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(launcher.launched(), 2);
}

TEST_F(JobRunnerTest, CredentialsThatAWorkerRepeatsAreNotLogged) {
  FakeLauncher launcher([](FakeWorkerSide& worker) {
    const broker::JobSpec job = worker.Begin();
    worker.Finish(absl::UnknownError("my token is " + job.source().registry().authorization()));
    return CleanExit();
  });
  JobRunner runner(launcher, logger_, authorization_, {.concurrent = 1, .queued = 0});
  JobRunner::Call call = InspectCall();
  call.job.mutable_source()->mutable_registry()->set_authorization("Bearer hunter22");
  EXPECT_FALSE(runner.Run(std::move(call)).ok());
  const std::string log = log_.Take();
  EXPECT_FALSE(absl::StrContains(log, "hunter22")) << log;
  EXPECT_THAT(log, HasSubstr("my token is Bearer ***"));
}

// What is remembered of blobs.
class RememberedBlobsTest : public JobRunnerTest {
 protected:
  ~RememberedBlobsTest() override { std::filesystem::remove_all(directory_); }

  static std::string MakeDirectory() {
    std::string directory = absl::StrCat(testing::TempDir(), "/blobs-XXXXXX");
    return mkdtemp(directory.data());
  }
  // A copy to r.example/app.
  static JobRunner::Call CopyCall(std::optional<uid_t> user) {
    JobRunner::Call call = InspectCall();
    call.user = user;
    call.job.mutable_copy();
    broker::RegistryImage& image = *call.job.mutable_destination()->mutable_registry();
    image.set_host("r.example");
    image.set_api_host("r.example");
    image.set_repository("app");
    call.identity.destination.emplace_back().scopes = {"repository:app:pull,push"};
    call.grants.destination_registry = RegistryGrant{"r.example", {443}};
    return call;
  }
  // Runs `worker` as the only one.
  absl::Status Run(std::optional<uid_t> user, FakeLauncher::Script worker) {
    FakeLauncher launcher(std::move(worker));
    JobRunner runner(launcher, logger_, authorization_, {.concurrent = 1, .queued = 0}, {},
                     &cache_);
    return runner.Run(CopyCall(user)).status();
  }
  static void SayTwin(FakeWorkerSide& worker) {
    broker::Remember told;
    told.mutable_blob()->set_digest(Digest::Sha256Of("p").ToString());
    told.mutable_blob()->set_compression(broker::BLOB_COMPRESSION_NONE);
    told.mutable_twin()->set_digest(Digest::Sha256Of("c").ToString());
    told.mutable_twin()->set_compression(broker::BLOB_COMPRESSION_GZIP);
    worker.Remember(told);
  }
  size_t Twins(uid_t user) { return cache_.FindTwins(user, Digest::Sha256Of("p")).forms.size(); }

  const std::string directory_ = MakeDirectory();
  BlobInfoCache cache_{directory_ + "/cache", [](const std::string& why) { ADD_FAILURE() << why; }};
};

TEST_F(RememberedBlobsTest, WhatAJobFoundOutIsForTheSameUsersNext) {
  EXPECT_OK(Run(1000, [](FakeWorkerSide& worker) {
    EXPECT_TRUE(worker.Begin().remembers_blobs());
    SayTwin(worker);
    worker.Finish();
    return CleanExit();
  }));
  const auto ask = [](int expected) {
    return [expected](FakeWorkerSide& worker) {
      worker.Begin();
      const broker::Reply reply = worker.FindTwins(Digest::Sha256Of("p").ToString());
      EXPECT_EQ(reply.code(), 0);
      EXPECT_EQ(reply.twins().forms_size(), expected);
      worker.Finish();
      return CleanExit();
    };
  };
  EXPECT_OK(Run(1000, ask(1)));
  EXPECT_OK(Run(1001, ask(0)));
}

TEST_F(RememberedBlobsTest, NothingIsKeptOfAJobThatFails) {
  EXPECT_THAT(Run(1000,
                  [](FakeWorkerSide& worker) {
                    worker.Begin();
                    SayTwin(worker);
                    worker.Finish(absl::DataLossError("broken"));
                    return CleanExit();
                  }),
              StatusIs(StatusCode::kDataLoss));
  EXPECT_EQ(Twins(1000), 0U);
}

TEST_F(RememberedBlobsTest, NothingIsKeptOfAWorkerThatEndsBadly) {
  Run(1000, [](FakeWorkerSide& worker) {
    worker.Begin();
    SayTwin(worker);
    worker.Finish();
    return WorkerExit{WorkerExit::How::kSignaled, 11};
  }).IgnoreError();
  EXPECT_EQ(Twins(1000), 0U);
}

TEST_F(RememberedBlobsTest, CallersWhomNobodyKnowsHaveNoMemory) {
  const absl::Status status = Run(std::nullopt, [](FakeWorkerSide& worker) {
    EXPECT_FALSE(worker.Begin().remembers_blobs());
    SayTwin(worker);
    worker.AwaitEnd();
    return CleanExit();
  });
  EXPECT_EQ(ErrorReason(status), "WORKER_VIOLATION");
}

TEST_F(RememberedBlobsTest, AnotherWorkerMountsAndTheFirstLearnsNoRepository) {
  cache_.Keep(1000, {{}, {{"r.example", "secret-base", Digest::Sha256Of("c")}}});
  EXPECT_OK(Run(1000, [](FakeWorkerSide& worker) {
    const broker::JobSpec job = worker.Begin();
    if (job.has_mount()) {
      EXPECT_EQ(job.mount().repositories(0), "secret-base");
      EXPECT_EQ(job.destination().registry().repository(), "app");
      EXPECT_FALSE(job.remembers_blobs());
      worker.Finish();
      return CleanExit();
    }
    EXPECT_THAT(job.SerializeAsString(), testing::Not(HasSubstr("secret-base")));
    const broker::Reply reply = worker.MountBlob(Digest::Sha256Of("c").ToString(), 7);
    EXPECT_TRUE(reply.present());
    EXPECT_THAT(reply.SerializeAsString(), testing::Not(HasSubstr("secret-base")));
    worker.Finish();
    return CleanExit();
  }));
  EXPECT_THAT(log_.Take(), HasSubstr("\"repositories\":\"secret-base\",\"code\":\"OK\""));
}

TEST_F(RememberedBlobsTest, AMountThatFailsIsNoErrorOfTheJob) {
  cache_.Keep(1000, {{}, {{"r.example", "base", Digest::Sha256Of("c")}}});
  EXPECT_OK(Run(1000, [](FakeWorkerSide& worker) {
    if (worker.Begin().has_mount()) {
      return WorkerExit{WorkerExit::How::kSignaled, 31};
    }
    const broker::Reply reply = worker.MountBlob(Digest::Sha256Of("c").ToString(), 7);
    EXPECT_EQ(reply.code(), 0);
    EXPECT_FALSE(reply.present());
    worker.Finish();
    return CleanExit();
  }));
}

}  // namespace
}  // namespace holkas
