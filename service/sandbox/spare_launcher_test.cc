#include "service/sandbox/spare_launcher.h"

#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "proto/wire/frame_channel.h"
#include "proto/wire/status_matchers.h"
#include "proto/wire/unique_fd.h"

namespace holkas {
namespace {

// Workers without processes, numbered as they are launched.
class CountingLauncher : public Launcher {
 public:
  class CountedWorker : public Worker {
   public:
    CountedWorker(CountingLauncher& owner, int number) : owner_(owner), number_(number) {}
    ~CountedWorker() override { owner_.Bury(number_); }

    FrameChannel& channel() override { return channel_; }
    void Kill() override {}
    absl::StatusOr<WorkerExit> Wait(absl::Time) override { return WorkerExit{}; }
    bool serviceable() const override { return owner_.IsServiceable(number_); }
    int pid() const override { return number_; }

   private:
    CountingLauncher& owner_;
    const int number_;
    FrameChannel channel_{UniqueFd(), FrameChannel::AcceptFds::kNo};
  };

  absl::StatusOr<std::unique_ptr<Worker>> Launch(const WorkerNeeds& needs) override {
    absl::MutexLock lock(&mutex_);
    if (!failure_.ok()) {
      return failure_;
    }
    alive_.insert(++launched_);
    if (needs.certificate_store) {
      with_store_.insert(launched_);
    }
    return std::make_unique<CountedWorker>(*this, launched_);
  }

  absl::StatusOr<std::vector<UniqueFd>> OpenTrees(const std::vector<Tree>&) override {
    return absl::UnimplementedError("this launcher opens nothing");
  }

  // Workers up to `number` are no longer serviceable.
  void Replace(int number) {
    absl::MutexLock lock(&mutex_);
    replaced_ = number;
  }
  void FailWith(absl::Status status) {
    absl::MutexLock lock(&mutex_);
    failure_ = std::move(status);
  }
  // Waits until this many are alive, and no longer than ten seconds.
  bool AwaitAlive(size_t count) {
    absl::MutexLock lock(&mutex_);
    const auto reached = [this, count]()
                             ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return alive_.size() == count; };
    return mutex_.AwaitWithTimeout(absl::Condition(&reached), absl::Seconds(10));
  }
  int launched() {
    absl::MutexLock lock(&mutex_);
    return launched_;
  }
  bool HasStore(int number) {
    absl::MutexLock lock(&mutex_);
    return with_store_.count(number) != 0;
  }

 private:
  void Bury(int number) {
    absl::MutexLock lock(&mutex_);
    alive_.erase(number);
  }
  bool IsServiceable(int number) {
    absl::MutexLock lock(&mutex_);
    return number > replaced_;
  }

  absl::Mutex mutex_;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  int launched_ ABSL_GUARDED_BY(mutex_) = 0;
  int replaced_ ABSL_GUARDED_BY(mutex_) = 0;
  std::set<int> alive_ ABSL_GUARDED_BY(mutex_);
  std::set<int> with_store_ ABSL_GUARDED_BY(mutex_);
};

TEST(SpareLauncher, KeepsWorkersReadyAndGivesTheOldestFirst) {
  CountingLauncher inner;
  SpareLauncher spares(inner, 3);
  ASSERT_TRUE(inner.AwaitAlive(3));
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Worker> first, spares.Launch({}));
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Worker> second, spares.Launch({}));
  EXPECT_EQ(first->pid(), 1);
  EXPECT_EQ(second->pid(), 2);
  EXPECT_TRUE(inner.AwaitAlive(5));
}

TEST(SpareLauncher, WorkerOfAStoreIsNotSpare) {
  CountingLauncher inner;
  SpareLauncher spares(inner, 1);
  ASSERT_TRUE(inner.AwaitAlive(1));
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Worker> worker,
                       spares.Launch({.directories = {{.fd = 0}}}));
  EXPECT_EQ(worker->pid(), 2);
}

TEST(SpareLauncher, CopyGetsAWorkerOfItsOwn) {
  CountingLauncher inner;
  SpareLauncher spares(inner, 1);
  ASSERT_TRUE(inner.AwaitAlive(1));
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Worker> worker, spares.Launch({.threads = 6}));
  EXPECT_EQ(worker->pid(), 2);
  EXPECT_EQ(inner.launched(), 2);
}

TEST(SpareLauncher, WithoutSparesItLaunchesWhenAsked) {
  CountingLauncher inner;
  SpareLauncher none(inner, 0);
  EXPECT_EQ(inner.launched(), 0);
  EXPECT_OK(none.Launch({.certificate_store = true}));
  EXPECT_EQ(inner.launched(), 1);
  EXPECT_TRUE(inner.HasStore(1));
}

TEST(SpareLauncher, WorkerOfAReplacedZygoteGetsNoJob) {
  CountingLauncher inner;
  SpareLauncher spares(inner, 2);
  ASSERT_TRUE(inner.AwaitAlive(2));
  inner.Replace(2);
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Worker> worker, spares.Launch({}));
  EXPECT_GT(worker->pid(), 2);
  EXPECT_TRUE(inner.AwaitAlive(3));  // the two are gone
}

TEST(SpareLauncher, SparesOfAReplacedZygoteGoWithoutARequest) {
  CountingLauncher inner;
  SpareLauncher spares(inner, 2);
  ASSERT_TRUE(inner.AwaitAlive(2));
  inner.Replace(2);
  const absl::Time end = absl::Now() + absl::Seconds(20);
  while (inner.launched() < 4 && absl::Now() < end) {
    absl::SleepFor(absl::Milliseconds(10));
  }
  EXPECT_EQ(inner.launched(), 4);
  EXPECT_TRUE(inner.AwaitAlive(2));
}

TEST(SpareLauncher, CertificateStoreIsThereWhereItIsNeeded) {
  CountingLauncher inner;
  SpareLauncher spares(inner, 2);
  ASSERT_TRUE(inner.AwaitAlive(2));
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Worker> first,
                       spares.Launch({.certificate_store = true}));
  EXPECT_TRUE(inner.HasStore(first->pid()));
  ASSERT_TRUE(inner.AwaitAlive(3));
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Worker> second,
                       spares.Launch({.certificate_store = true}));
  EXPECT_TRUE(inner.HasStore(second->pid()));
  EXPECT_LE(inner.launched(), 6);
}

TEST(SpareLauncher, FailureIsToldToWhoAsks) {
  CountingLauncher inner;
  inner.FailWith(absl::UnavailableError("no zygote"));
  SpareLauncher spares(inner, 2);
  EXPECT_THAT(spares.Launch({}).status(), StatusIs(absl::StatusCode::kUnavailable));
  inner.FailWith(absl::OkStatus());
  EXPECT_TRUE(inner.AwaitAlive(2));
}

TEST(SpareLauncher, EndsWithItsSpares) {
  CountingLauncher inner;
  {
    SpareLauncher spares(inner, 2);
    ASSERT_TRUE(inner.AwaitAlive(2));
  }
  EXPECT_TRUE(inner.AwaitAlive(0));
}

}  // namespace
}  // namespace holkas
