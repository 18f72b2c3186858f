#include "clients/cli/rename_new.h"

#include <seccomp.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace holkas {
namespace {

// What a file system cannot do: the system calls, and what they say.
struct Lack {
  int syscall;
  int error;
};

const std::vector<std::vector<Lack>> kFileSystems = {
    {},
    {{SCMP_SYS(renameat2), EINVAL}},
    {{SCMP_SYS(renameat2), ENOSYS}},
    {{SCMP_SYS(renameat2), EINVAL}, {SCMP_SYS(link), EPERM}, {SCMP_SYS(linkat), EPERM}},
};

// Renames in a thread that is on such a file system.
int RenameNewOn(const std::vector<Lack>& lacks, const std::string& from, const std::string& to) {
  int error = -1;
  std::thread([&] {
    const scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    for (const Lack& lack : lacks) {
      // As the action wants it.
      const auto error_bits = static_cast<uint32_t>(lack.error);
      EXPECT_EQ(seccomp_rule_add(filter, SCMP_ACT_ERRNO(error_bits), lack.syscall, 0), 0);
    }
    EXPECT_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    EXPECT_EQ(seccomp_load(filter), 0);
    seccomp_release(filter);
    error = RenameNew(from, to);
  }).join();
  return error;
}

class RenameNewTest : public testing::TestWithParam<std::vector<Lack>> {
 protected:
  void SetUp() override {
    std::filesystem::create_directory(directory_);
    std::ofstream(from_) << "new";
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  static std::string Get(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  const std::string directory_ = absl::StrCat(testing::TempDir(), "/rename-new-", getpid());
  const std::string from_ = directory_ + "/from";
  const std::string to_ = directory_ + "/to";
};

TEST_P(RenameNewTest, GivesANameThatIsFree) {
  EXPECT_EQ(RenameNewOn(GetParam(), from_, to_), 0);
  EXPECT_EQ(Get(to_), "new");
  EXPECT_FALSE(std::filesystem::exists(from_));
}

TEST_P(RenameNewTest, LeavesWhatHasTheName) {
  std::ofstream(to_) << "old";
  EXPECT_EQ(RenameNewOn(GetParam(), from_, to_), EEXIST);
  EXPECT_EQ(Get(to_), "old");
  EXPECT_EQ(Get(from_), "new");
}

TEST_P(RenameNewTest, TellsWhyItFailed) {
  EXPECT_EQ(RenameNewOn(GetParam(), from_, directory_ + "/no/to"), ENOENT);
  EXPECT_EQ(Get(from_), "new");
}

INSTANTIATE_TEST_SUITE_P(FileSystems, RenameNewTest, testing::ValuesIn(kFileSystems));

}  // namespace
}  // namespace holkas
