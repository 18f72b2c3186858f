// The service's view: how workers end, how zygotes are replaced, that nothing is left behind.

#include <dirent.h>
#include <signal.h>

#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "broker/broker.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "service/sandbox/zygote_launcher.h"
#include "tests/sandbox/attack_host.h"
#include "tests/sandbox/driver_process.h"

namespace holkas {
namespace {

using testing::HasSubstr;

std::string TestWorker() {
  return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "test_worker").string();
}

size_t OpenDescriptors() {
  size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    ++count;
  }
  return count;
}

class LauncherTest : public testing::Test {
 protected:
  void SetUp() override {
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP() << "the address sanitizer needs what the sandbox forbids";
#endif
    ASSERT_OK_AND_ASSIGN(host_, AttackHost::New());
    Start({});
  }

  void Start(ZygoteLauncher::Options options) {
    options.worker_path = TestWorker();
    ASSERT_OK_AND_ASSIGN(launcher_, ZygoteLauncher::Start(std::move(options)));
  }

  // Another zygote than `old` serves.
  int NextZygote(int old) {
    const absl::Time end = absl::Now() + absl::Seconds(20);
    while ((launcher_->zygote_pid() == old || launcher_->zygote_pid() == -1) && absl::Now() < end) {
      absl::SleepFor(absl::Milliseconds(1));
    }
    return launcher_->zygote_pid();
  }

  WorkerExit WaitFor(Worker& worker) {
    auto end = worker.Wait(absl::Now() + absl::Seconds(20));
    EXPECT_OK(end);
    return end.ok() ? *end : WorkerExit{};
  }

  std::unique_ptr<AttackHost> host_;
  std::unique_ptr<ZygoteLauncher> launcher_;
};

TEST_F(LauncherTest, TakesTheBestTier) {
  EXPECT_EQ(launcher_->tier(), v1::SANDBOX_TIER_FULL);
  EXPECT_GE(launcher_->landlock_abi(), 1);
}

TEST_F(LauncherTest, ANewLauncherWithoutAProgramIsNotFound) {
  ZygoteLauncher::Options options;
  options.worker_path = "/no/such/program";
  EXPECT_THAT(ZygoteLauncher::Start(options), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(LauncherTest, ALauncherOfAProgramThatIsNoZygoteIsRefused) {
  ZygoteLauncher::Options options;
  options.worker_path = "/bin/true";
  const auto launcher = ZygoteLauncher::Start(options);
  EXPECT_THAT(launcher, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(ErrorReason(launcher.status()), "SANDBOX_FAILED");
}

TEST_F(LauncherTest, AWorkerThatIsDoneExitsClean) {
  ASSERT_OK_AND_ASSIGN(auto worker, host_->Begin(*launcher_, "control_fstat"));
  EXPECT_EQ(host_->End(*worker), "ok");
  EXPECT_TRUE(WaitFor(*worker).clean());
}

TEST_F(LauncherTest, AWorkerOfAJobThatItDoesNotKnowSaysSo) {
  ASSERT_OK_AND_ASSIGN(auto worker, launcher_->Launch({.certificate_store = true}));
  EXPECT_GT(worker->pid(), 0);
  broker::ServiceFrame job;
  job.mutable_job()->mutable_inspect();
  ASSERT_OK(worker->channel().Send(job));
  broker::WorkerFrame frame;
  ASSERT_OK(worker->channel().Receive(frame));
  EXPECT_TRUE(frame.has_ready());
  ASSERT_OK(worker->channel().Receive(frame));
  EXPECT_EQ(frame.finish().code(), static_cast<int>(absl::StatusCode::kUnimplemented));
}

TEST_F(LauncherTest, AKilledWorkerIsKilledAndItsZygoteStays) {
  const int zygote = launcher_->zygote_pid();
  ASSERT_OK_AND_ASSIGN(auto worker, host_->Begin(*launcher_, "wait"));
  EXPECT_THAT(worker->Wait(absl::Now()), StatusIs(absl::StatusCode::kDeadlineExceeded));
  worker->Kill();
  worker->Kill();
  EXPECT_EQ(WaitFor(*worker).how, WorkerExit::How::kKilled);
  EXPECT_EQ(WaitFor(*worker).ToString(), "killed by holkasd");
  EXPECT_EQ(launcher_->zygote_pid(), zygote);
}

TEST_F(LauncherTest, AWorkerWhoseServiceHangsUpEnds) {
  ASSERT_OK_AND_ASSIGN(auto worker, launcher_->Launch({}));
  const int pid = worker->pid();
  EXPECT_TRUE(Lives(pid));
  worker.reset();
  EXPECT_FALSE(Lives(pid));
}

TEST_F(LauncherTest, AForbiddenCallCostsTheZygoteButNotItsOtherWorkers) {
  const int zygote = launcher_->zygote_pid();
  ASSERT_OK_AND_ASSIGN(auto bystander, host_->Begin(*launcher_, "wait"));
  ASSERT_OK_AND_ASSIGN(auto worker, host_->Begin(*launcher_, "fork"));
  EXPECT_EQ(host_->End(*worker), "SIGSYS");
  EXPECT_THAT(WaitFor(*worker).ToString(), HasSubstr("signal 31 (SIGSYS: forbidden system call)"));

  EXPECT_NE(NextZygote(zygote), zygote);
  EXPECT_TRUE(Lives(bystander->pid()));
  EXPECT_TRUE(Lives(zygote));
  bystander->Kill();
  EXPECT_EQ(WaitFor(*bystander).how, WorkerExit::How::kKilled);
  const absl::Time end = absl::Now() + absl::Seconds(20);
  while (Lives(zygote) && absl::Now() < end) {
    absl::SleepFor(absl::Milliseconds(1));
  }
  EXPECT_FALSE(Lives(zygote));
}

TEST_F(LauncherTest, ADistrustedWorkerCostsTheZygote) {
  const int zygote = launcher_->zygote_pid();
  ASSERT_OK_AND_ASSIGN(auto worker, host_->Begin(*launcher_, "wait"));
  worker->Distrust();
  EXPECT_EQ(WaitFor(*worker).how, WorkerExit::How::kKilled);
  EXPECT_NE(NextZygote(zygote), zygote);
  EXPECT_EQ(host_->Run(*launcher_, "control_fstat"), "ok");
}

TEST_F(LauncherTest, AZygoteThatDiesTakesItsWorkersAndIsReplaced) {
  const int zygote = launcher_->zygote_pid();
  ASSERT_OK_AND_ASSIGN(auto worker, host_->Begin(*launcher_, "wait"));
  ASSERT_EQ(kill(zygote, SIGKILL), 0);
  EXPECT_EQ(WaitFor(*worker).ToString(), "its zygote died");
  EXPECT_FALSE(Lives(worker->pid()));
  EXPECT_NE(NextZygote(zygote), zygote);
  EXPECT_EQ(host_->Run(*launcher_, "control_fstat"), "ok");
}

TEST_F(LauncherTest, AZygoteIsReplacedAfterSoManyWorkers) {
  ZygoteLauncher::Options options;
  options.workers_per_zygote = 5;
  Start(std::move(options));
  const int zygote = launcher_->zygote_pid();
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(host_->Run(*launcher_, "control_fstat"), "ok");
  }
  EXPECT_NE(NextZygote(zygote), zygote);
}

TEST_F(LauncherTest, ManyLaunchesFromManyThreadsLeaveNothing) {
  const size_t before = OpenDescriptors();
  std::vector<std::thread> threads;
  std::vector<std::string> failures(4);
  for (std::string& failure : failures) {
    threads.emplace_back([this, &failure] {
      for (int i = 0; i < 50; ++i) {
        if (const std::string end = host_->Run(*launcher_, "control_fstat"); end != "ok") {
          failure = end;
        }
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_THAT(failures, testing::Each(""));
  // The host's echo may still hold its end of the last connection.
  const absl::Time end = absl::Now() + absl::Seconds(20);
  while (OpenDescriptors() > before && absl::Now() < end) {
    absl::SleepFor(absl::Milliseconds(1));
  }
  EXPECT_LE(OpenDescriptors(), before);
}

TEST_F(LauncherTest, TheEndOfTheLauncherIsTheEndOfItsZygote) {
  const int zygote = launcher_->zygote_pid();
  launcher_.reset();
  EXPECT_FALSE(Lives(zygote));
}

TEST(WorkerExit, SaysHowItEnded) {
  using How = WorkerExit::How;
  EXPECT_EQ((WorkerExit{How::kExited, 71}.ToString()), "exited with status 71");
  EXPECT_EQ((WorkerExit{How::kSignaled, SIGKILL}.ToString()), "killed by signal 9 (SIGKILL)");
  EXPECT_FALSE((WorkerExit{How::kExited, 1}.clean()));
  EXPECT_FALSE((WorkerExit{How::kKilled, 0}.clean()));
}

}  // namespace
}  // namespace holkas
