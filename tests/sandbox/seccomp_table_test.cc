// The system calls that a worker has, three ways: as the checked-in table says, as the program
// evaluates, and as the kernel answers.

#include "tests/sandbox/seccomp_table.h"

#include <linux/audit.h>
#include <linux/seccomp.h>

#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"
#include "tests/sandbox/bpf_evaluator.h"
#include "tests/sandbox/driver_process.h"
#include "worker/confine/bpf_program.h"
#include "worker/confine/syscall_policy.h"

namespace holkas {
namespace {

std::string CheckedIn(const std::string& name) {
  std::ostringstream table;
  table << std::ifstream("tests/sandbox/" + name).rdbuf();
  return table.str();
}

TEST(SeccompTable, IsTheCheckedInOne) {
  EXPECT_EQ(RenderSeccompTable(AssembleFilter(SyscallPolicy())), CheckedIn("seccomp_table.txt"))
      << "where the change is meant: bazel run //tests/sandbox:print_seccomp_table > "
         "tests/sandbox/seccomp_table.txt";
}

TEST(SeccompTable, OfWorkersWithAStoreIsTheCheckedInOne) {
  EXPECT_EQ(RenderSeccompTable(AssembleFilter(StoreReaderSyscallPolicy())),
            CheckedIn("seccomp_table_store_reader.txt"))
      << "where the change is meant: bazel run //tests/sandbox:print_seccomp_table store_reader > "
         "tests/sandbox/seccomp_table_store_reader.txt";
  EXPECT_EQ(RenderSeccompTable(AssembleFilter(StoreWriterSyscallPolicy())),
            CheckedIn("seccomp_table_store_writer.txt"))
      << "where the change is meant: bazel run //tests/sandbox:print_seccomp_table store_writer > "
         "tests/sandbox/seccomp_table_store_writer.txt";
}

TEST(SeccompTable, KillsWhatAnEmptyPolicyDoesNotName) {
  const std::string table = RenderSeccompTable(AssembleFilter({}));
  EXPECT_THAT(table, testing::HasSubstr("the other 1024 numbers"));
  EXPECT_THAT(table, testing::HasSubstr("i386 and x32: 0 answers"));
}

TEST(SeccompTable, TellsAWeakerPolicyApart) {
  std::vector<SyscallRule> weaker(SyscallPolicy().begin(), SyscallPolicy().end());
  for (SyscallRule& rule : weaker) {
    if (std::string(rule.name) == "sendto") {
      rule.checks = {};
    }
  }
  EXPECT_NE(RenderSeccompTable(AssembleFilter(weaker)),
            RenderSeccompTable(AssembleFilter(SyscallPolicy())));
}

// More than conditional jumps reach: parts of it are joined by long ones.
TEST(SeccompTable, LongPolicyIsEvaluatedAsAShortOne) {
  constexpr int kNumbers = 400;
  std::vector<SyscallRule> policy;
  for (int number = 0; number < kNumbers; ++number) {
    const ArgCheck check = {ArgCheck::Kind::kEqual, 0, false, 0xffffffff,
                            static_cast<uint64_t>(number)};
    policy.push_back({number, "call", SyscallRule::kAllow, {check}, "the test"});
  }
  const auto program = AssembleFilter(policy);
  for (int number = 0; number <= kNumbers; ++number) {
    for (const bool matches : {true, false}) {
      seccomp_data data = {};
      data.nr = number;
      data.arch = AUDIT_ARCH_X86_64;
      data.args[0] = static_cast<uint64_t>(number) + (matches ? 0 : 1);
      const bool allowed = matches && number < kNumbers;
      EXPECT_THAT(EvaluateFilter(program, data),
                  IsOkAndHolds(allowed ? SECCOMP_RET_ALLOW : SECCOMP_RET_KILL_PROCESS))
          << number;
    }
  }
}

TEST(SyscallPolicy, KeepsRowsOfANumberTogetherAndSaysWhoNeedsThem) {
  const std::vector<SyscallRule> of_all(SyscallPolicy().begin(), SyscallPolicy().end());
  for (const std::vector<SyscallRule>& policy :
       {of_all, StoreReaderSyscallPolicy(), StoreWriterSyscallPolicy()}) {
    std::set<int> seen;
    int last = -1;
    for (const SyscallRule& rule : policy) {
      EXPECT_TRUE(rule.number == last || seen.insert(rule.number).second) << rule.name;
      EXPECT_STRNE(rule.needed_by, "") << rule.name;
      last = rule.number;
    }
  }
}

TEST(BpfEvaluator, RefusesWhatTheKernelWould) {
  const seccomp_data data = {};
  EXPECT_THAT(EvaluateFilter({}, data), StatusIs(absl::StatusCode::kInvalidArgument));
  const sock_filter load_outside[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, sizeof(data))};
  EXPECT_THAT(EvaluateFilter(load_outside, data), StatusIs(absl::StatusCode::kInvalidArgument));
}

// Which the kernel answers before it asks any filter: the return of its own probes. Outside of one
// they fail or end the process.
bool PassesBesideFilters(int number) { return number == 335 || number == 336; }

// Each number in a worker of its own, with null arguments: the kernel kills it where the program
// says so, and only there.
TEST(SeccompTable, IsWhatTheKernelDoes) {
  constexpr int kNumbers = 500;
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the address sanitizer needs what the sandbox forbids";
#endif
  const As user = Can(As::kRoot) ? As::kRoot : As::kNobody;
  DriverProcess driver(user, {"--tier=seccomp", "syscalls", absl::StrCat(kNumbers)});
  const auto program = AssembleFilter(SyscallPolicy());
  for (int number = 0; number < kNumbers; ++number) {
    const std::string line = driver.ReadLine();
    ASSERT_THAT(line, testing::StartsWith(absl::StrCat(number, " ")));
    seccomp_data data = {};
    data.nr = number;
    data.arch = AUDIT_ARCH_X86_64;
    ASSERT_OK_AND_ASSIGN(const uint32_t action, EvaluateFilter(program, data));
    if (PassesBesideFilters(number)) {
      EXPECT_THAT(line, testing::Not(testing::EndsWith(" ok")));
      continue;
    }
    const bool killed = line.substr(line.find(' ') + 1) == "SIGSYS";
    EXPECT_EQ(killed, action == SECCOMP_RET_KILL_PROCESS) << line;
  }
}

}  // namespace
}  // namespace holkas
