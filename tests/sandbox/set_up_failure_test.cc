// A step of the set-up that fails gives no worker, never a less confined one: by failpoints of the
// test worker, and by denying the zygote the system calls that a container's profile denies.

#include <errno.h>
#include <sys/syscall.h>

#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sandbox/driver_process.h"
#include "worker/confine/confine.h"

namespace holkas {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

std::string Start(As user, std::vector<std::string> arguments) {
  arguments.push_back("start");
  DriverProcess driver(user, arguments);
  return driver.ReadLine();
}

std::string Deny(int64_t number, int error = EPERM) {
  return absl::StrCat("--deny=", number, ":", error);
}

class SetUpFailure : public testing::TestWithParam<As> {
 protected:
  void SetUp() override {
    if (!Can(GetParam())) {
      GTEST_SKIP() << "needs root";
    }
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP() << "the address sanitizer needs what the sandbox forbids";
#endif
  }
};

constexpr ConfineStep kSteps[] = {
    ConfineStep::kReseed,          ConfineStep::kIdentity, ConfineStep::kDieWithZygote,
    ConfineStep::kDescriptors,     ConfineStep::kLimits,   ConfineStep::kCapabilities,
    ConfineStep::kNoNewPrivileges, ConfineStep::kLandlock, ConfineStep::kThreads,
    ConfineStep::kNoNewProcesses,  ConfineStep::kSeccomp,  ConfineStep::kSelfTest,
};

TEST_P(SetUpFailure, OfAnyStepInAnyTierGivesNoWorker) {
  for (ConfineStep step : kSteps) {
    EXPECT_THAT(Start(GetParam(), {absl::StrCat("--fail=", ConfineStepName(step))}),
                AllOf(StartsWith("refused: "), HasSubstr("tier full: "), HasSubstr("status 71"),
                      HasSubstr("tier landlock: "), HasSubstr("tier seccomp: ")))
        << ConfineStepName(step);
  }
}

TEST_P(SetUpFailure, WithoutAFailureTheFullTierIsTaken) {
  EXPECT_THAT(Start(GetParam(), {}), StartsWith("tier 3 "));
}

TEST_P(SetUpFailure, WithoutNamespacesLandlockIsTaken) {
  for (int64_t number : {__NR_unshare, __NR_pivot_root, __NR_mount, __NR_umount2}) {
    EXPECT_THAT(Start(GetParam(), {Deny(number)}), StartsWith("tier 2 ")) << number;
  }
}

TEST_P(SetUpFailure, WithoutNamespacesTheFullTierIsRefusedWhereItIsRequired) {
  EXPECT_THAT(
      Start(GetParam(), {Deny(__NR_unshare), "--required=full"}),
      AllOf(StartsWith("refused: "), HasSubstr("unshare"), testing::Not(HasSubstr("landlock"))));
}

TEST_P(SetUpFailure, WithoutLandlockSeccompIsTaken) {
  EXPECT_EQ(Start(GetParam(), {Deny(__NR_landlock_create_ruleset, ENOSYS)}), "tier 1 landlock 0");
}

TEST_P(SetUpFailure, WithoutLandlockTheRequiredTierIsRefused) {
  EXPECT_THAT(Start(GetParam(), {Deny(__NR_landlock_restrict_self), "--required=landlock"}),
              StartsWith("refused: "));
}

TEST_P(SetUpFailure, WithoutSeccompNoWorkerIsMade) {
  EXPECT_THAT(Start(GetParam(), {Deny(__NR_seccomp)}), StartsWith("refused: "));
}

TEST_P(SetUpFailure, WithoutAnyOtherCallOfTheSetUpNoWorkerIsMade) {
  std::vector<int64_t> numbers = {__NR_close_range, __NR_capset, __NR_prctl,     __NR_prlimit64,
                                  __NR_setsid,      __NR_dup2,   __NR_getrandom, __NR_pidfd_open};
  if (GetParam() == As::kRoot) {
    numbers.insert(numbers.end(), {__NR_setresuid, __NR_setresgid, __NR_setgroups});
  }
  for (int64_t number : numbers) {
    EXPECT_THAT(Start(GetParam(), {Deny(number)}), StartsWith("refused: ")) << number;
  }
}

std::string StartWithStore(As user, std::vector<std::string> arguments) {
  arguments.push_back("start-with-store");
  DriverProcess driver(user, arguments);
  return driver.ReadLine();
}

TEST_P(SetUpFailure, WithoutAFailureAWorkerWithAStoreIsMade) {
  EXPECT_EQ(StartWithStore(GetParam(), {}), "ready");
}

TEST_P(SetUpFailure, OfAnyStepGivesNoWorkerWithAStore) {
  for (ConfineStep step : kSteps) {
    EXPECT_NE(StartWithStore(GetParam(), {absl::StrCat("--fail-store=", ConfineStepName(step))}),
              "ready")
        << ConfineStepName(step);
  }
}

TEST_P(SetUpFailure, WithoutACallOfTheStorageProfileNoWorkerWithAStoreIsMade) {
  std::vector<int64_t> numbers = {__NR_open_tree, __NR_mount_setattr, __NR_landlock_add_rule,
                                  __NR_setfsuid, __NR_setfsgid};
  for (int64_t number : numbers) {
    EXPECT_NE(StartWithStore(GetParam(), {Deny(number)}), "ready") << number;
    EXPECT_THAT(Start(GetParam(), {Deny(number)}), StartsWith("tier 3 ")) << number;
  }
}

TEST_P(SetUpFailure, WithoutNamespacesAWorkerWithAStoreIsRefusedAndSaysWhy) {
  EXPECT_THAT(StartWithStore(GetParam(), {Deny(__NR_unshare)}),
              HasSubstr("that takes namespaces and Landlock, and here is tier landlock"));
}

INSTANTIATE_TEST_SUITE_P(Users, SetUpFailure, testing::Values(As::kRoot, As::kNobody),
                         [](const auto& info) {
                           return info.param == As::kRoot ? "root" : "nobody";
                         });

}  // namespace
}  // namespace holkas
