// Nothing outlives holkasd or its zygote.

#include <signal.h>

#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sandbox/driver_process.h"

namespace holkas {
namespace {

constexpr int kWorkers = 10;
constexpr absl::Duration kAllowed = absl::Milliseconds(100);

// SIGKILL is pending for the process.
bool IsBeingKilled(pid_t pid) {
  const std::string pending = StatusField(pid, "ShdPnd");
  return !pending.empty() && (std::stoull(pending, nullptr, 16) & (1ull << (SIGKILL - 1))) != 0;
}

class Kill : public testing::TestWithParam<std::tuple<const char*, As>> {
 protected:
  void SetUp() override {
    if (!Can(std::get<1>(GetParam()))) {
      GTEST_SKIP() << "needs root";
    }
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP() << "the address sanitizer needs what the sandbox forbids";
#endif
    driver_ = std::make_unique<DriverProcess>(
        std::get<1>(GetParam()),
        std::vector<std::string>{absl::StrCat("--tier=", std::get<0>(GetParam())), "hold",
                                 absl::StrCat(kWorkers)});
    for (std::string line = driver_->ReadLine(); !line.empty(); line = driver_->ReadLine()) {
      const std::vector<std::string> words = absl::StrSplit(line, ' ');
      pids_.push_back(std::stoi(words[1]));
      if (words[0] == "zygote") {
        zygote_ = pids_.back();
        break;
      }
    }
    ASSERT_EQ(pids_.size(), kWorkers + 1u);
    if (full()) {
      pids_.push_back(ChildOf(zygote_));
      ASSERT_GT(pids_.back(), 0);
    }
    ASSERT_EQ(Living(), static_cast<int>(pids_.size()));
  }

  bool full() const { return std::string(std::get<0>(GetParam())) == "full"; }

  int Living() const {
    int living = 0;
    for (pid_t pid : pids_) {
      living += Lives(pid) && !IsBeingKilled(pid) ? 1 : 0;
    }
    return living;
  }

  // How many there are once the time is over, or none any more. One that has been killed and waits
  // for a processor to die on does nothing any more.
  int LivingAfter(absl::Duration allowed) const {
    const absl::Time end = absl::Now() + allowed;
    std::set<pid_t> living(pids_.begin(), pids_.end());
    while (true) {
      // Once and for all: the kill is no longer pending while the process dies of it.
      for (auto pid = living.begin(); pid != living.end();) {
        pid = Lives(*pid) && !IsBeingKilled(*pid) ? std::next(pid) : living.erase(pid);
      }
      if (living.empty() || absl::Now() >= end) {
        return static_cast<int>(living.size());
      }
      absl::SleepFor(absl::Milliseconds(1));
    }
  }

  std::unique_ptr<DriverProcess> driver_;
  std::vector<pid_t> pids_;  // the workers, and whoever makes them
  pid_t zygote_ = -1;
};

TEST_P(Kill, OfTheServiceLeavesNoWorker) {
  kill(driver_->pid(), SIGKILL);
  EXPECT_EQ(LivingAfter(kAllowed), 0);
}

TEST_P(Kill, OfTheZygoteLeavesNoWorker) {
  kill(zygote_, SIGKILL);
  EXPECT_EQ(LivingAfter(kAllowed), 0);
}

// Tier F alone has a PID namespace.
class KillInNamespace : public Kill {};

TEST_P(KillInNamespace, OfTheFirstLeavesNoWorker) {
  kill(pids_.back(), SIGKILL);
  EXPECT_EQ(LivingAfter(kAllowed), 0);
}

std::string Name(const testing::TestParamInfo<std::tuple<const char*, As>>& info) {
  return absl::StrCat(std::get<0>(info.param),
                      std::get<1>(info.param) == As::kRoot ? "_root" : "_nobody");
}

INSTANTIATE_TEST_SUITE_P(Tiers, Kill,
                         testing::Combine(testing::Values("full", "landlock", "seccomp"),
                                          testing::Values(As::kRoot, As::kNobody)),
                         Name);
INSTANTIATE_TEST_SUITE_P(Tiers, KillInNamespace,
                         testing::Combine(testing::Values("full"),
                                          testing::Values(As::kRoot, As::kNobody)),
                         Name);

}  // namespace
}  // namespace holkas
