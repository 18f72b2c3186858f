#include "worker/zygote/huge_text.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>

#include "absl/status/status.h"
#include "gtest/gtest.h"

namespace holkas {
namespace {

// Enough code to have a huge page of it whole, wherever it begins. Never run.
__attribute__((used, noinline)) void LargeFunction() { asm volatile(".skip 4 << 20, 0x90"); }

// The line of /proc/self/maps about the middle of LargeFunction.
std::string MappingOfCode() {
  const auto address = reinterpret_cast<uintptr_t>(&LargeFunction) + (2 << 20);
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    uintptr_t begin = 0;
    uintptr_t end = 0;
    char dash = 0;
    std::istringstream(line) >> std::hex >> begin >> dash >> end;
    if (begin <= address && address < end) {
      return line;
    }
  }
  return "";
}

TEST(HugeText, CodeLeavesItsFileAndIsNeverWritable) {
  const absl::Status status = MoveTextToHugePages();
  if (!status.ok()) {
    GTEST_SKIP() << "this kernel has no transparent huge pages: " << status.message();
  }
  const std::string mapping = MappingOfCode();
  EXPECT_EQ(mapping.find("huge_text_test"), std::string::npos) << mapping;
  EXPECT_NE(mapping.find(" r-xp "), std::string::npos) << mapping;
}

TEST(HugeText, CloneRunsTheSameCode) {
  static_cast<void>(MoveTextToHugePages());
  const pid_t child = fork();
  if (child == 0) {
    _exit(MappingOfCode().empty() ? 1 : 42);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 42);
}

}  // namespace
}  // namespace holkas
