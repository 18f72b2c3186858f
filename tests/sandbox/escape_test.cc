// Hostile workers in every tier, with a holkasd that is root and one that is nobody: none gets out,
// and every control works.

#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sandbox/driver_process.h"

namespace holkas {
namespace {

using testing::StartsWith;

class Escape : public testing::TestWithParam<std::tuple<const char*, As>> {
 protected:
  void SetUp() override {
    if (!Can(user())) {
      GTEST_SKIP() << "needs root";
    }
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP() << "the address sanitizer needs what the sandbox forbids";
#endif
  }
  const char* tier() const { return std::get<0>(GetParam()); }
  As user() const { return std::get<1>(GetParam()); }

  std::vector<std::string> Run(const std::string& command, int count = 0) {
    DriverProcess driver(
        user(), {absl::StrCat("--tier=", tier()), absl::StrCat("--required=", tier()), command,
                 absl::StrCat(count)});
    return driver.ReadLines();
  }
};

TEST_P(Escape, NoAttackSucceedsAndEveryControlDoes) {
  const std::vector<std::string> lines = Run("attacks");
  EXPECT_GE(lines.size(), 200u) << (lines.empty() ? "no output" : lines[0]);
  for (const std::string& line : lines) {
    EXPECT_THAT(line, StartsWith("PASS "));
  }
}

// Workers with a store, which the full tier alone has.
TEST_P(Escape, NoWorkerWithAStoreGetsOutOfIt) {
  if (tier() != std::string("full")) {
    DriverProcess driver(user(), {absl::StrCat("--tier=", tier()), "start-with-store"});
    EXPECT_THAT(driver.ReadLine(), testing::HasSubstr("takes namespaces and Landlock"));
    return;
  }
  const std::vector<std::string> lines = Run("attacks-with-store");
  EXPECT_GE(lines.size(), 300u) << (lines.empty() ? "no output" : lines[0]);
  for (const std::string& line : lines) {
    EXPECT_THAT(line, StartsWith("PASS "));
  }
}

TEST_P(Escape, WorkersWithAStoreHaveTheCapabilitiesOfTheirProfileAndNoOthers) {
  if (tier() != std::string("full")) {
    GTEST_SKIP() << "there are none in this tier";
  }
  DriverProcess driver(user(), {"--tier=full", "hold-with-store"});
  for (const auto& [what, capabilities] :
       {std::pair("writer", "000000008800001b"), std::pair("reader", "0000000000000004")}) {
    const std::vector<std::string> words = absl::StrSplit(driver.ReadLine(), ' ');
    ASSERT_EQ(words.size(), 2u) << what;
    const pid_t worker = std::stoi(words[1]);
    for (const char* set : {"CapPrm", "CapEff"}) {
      EXPECT_EQ(StatusField(worker, set), capabilities) << what << " " << set;
    }
    for (const char* set : {"CapInh", "CapBnd", "CapAmb"}) {
      EXPECT_EQ(StatusField(worker, set), "0000000000000000") << what << " " << set;
    }
    EXPECT_EQ(StatusField(worker, "Seccomp"), "2");
    EXPECT_EQ(StatusField(worker, "NoNewPrivs"), "1");
    EXPECT_THAT(StatusField(worker, "Uid"), testing::Not(StartsWith("0")));
  }
}

// From outside, what the kernel says of a worker that waits.
TEST_P(Escape, TheKernelSaysThatTheWorkerIsConfined) {
  DriverProcess driver(user(), {absl::StrCat("--tier=", tier()), "hold", "2"});
  std::vector<pid_t> workers;
  for (std::string line = driver.ReadLine(); !line.empty(); line = driver.ReadLine()) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    if (words[0] == "zygote") {
      break;
    }
    workers.push_back(std::stoi(words[1]));
  }
  ASSERT_EQ(workers.size(), 2u);
  const pid_t worker = workers[0];
  EXPECT_EQ(StatusField(worker, "Name"), "holkas-worker");
  EXPECT_EQ(StatusField(worker, "Seccomp"), "2");
  EXPECT_EQ(StatusField(worker, "NoNewPrivs"), "1");
  EXPECT_EQ(StatusField(worker, "Threads"), "2");
  EXPECT_EQ(StatusField(worker, "FDSize").empty(), false);
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapAmb"}) {
    EXPECT_EQ(StatusField(worker, set), "0000000000000000") << set;
  }
  const std::string full = "full";
  if (tier() == full || user() == As::kRoot) {
    EXPECT_EQ(StatusField(worker, "CapBnd"), "0000000000000000");
  }
  if (tier() == full) {
    EXPECT_THAT(StatusField(worker, "NSpid"), testing::EndsWith("\t1"));
  }
  EXPECT_THAT(StatusField(worker, "Uid"), testing::Not(StartsWith("0")));
  if (user() == As::kRoot) {
    EXPECT_EQ(StatusField(worker, "Groups"), "");
    EXPECT_NE(StatusField(worker, "Uid"), StatusField(workers[1], "Uid"));
  }
}

TEST_P(Escape, WorkersNeverDrawTheSameRandomBytes) {
  // In tier F every zygote and every worker is process 1, so that OpenSSL cannot tell them apart.
  const size_t rounds = std::string(tier()) == "full" ? 1000 : 100;
  std::set<std::string> blocks;
  const std::vector<std::string> lines = Run("random", static_cast<int>(rounds));
  for (const std::string& line : lines) {
    const std::string hex = line.substr(line.rfind(' ') + 1);
    ASSERT_EQ(hex.size(), 64u) << line;
    blocks.insert(hex.substr(0, 32));
    blocks.insert(hex.substr(32));
  }
  EXPECT_EQ(lines.size(), 2u * rounds);
  EXPECT_EQ(blocks.size(), 4u * rounds);
}

INSTANTIATE_TEST_SUITE_P(Tiers, Escape,
                         testing::Combine(testing::Values("full", "landlock", "seccomp"),
                                          testing::Values(As::kRoot, As::kNobody)),
                         [](const auto& info) {
                           return absl::StrCat(
                               std::get<0>(info.param),
                               std::get<1>(info.param) == As::kRoot ? "_root" : "_nobody");
                         });

}  // namespace
}  // namespace holkas
