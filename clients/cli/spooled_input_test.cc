#include "clients/cli/spooled_input.h"

#include <sys/mman.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"
#include "proto/wire/unique_fd.h"

namespace holkas {
namespace {

std::string Contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

UniqueFd InputOf(const std::string& text) {
  UniqueFd input(memfd_create("input", 0));
  EXPECT_EQ(write(input.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  EXPECT_EQ(lseek(input.get(), 0, SEEK_SET), 0);
  return input;
}

TEST(SpooledInput, IsAFileThatOthersCanOpenWhileItLives) {
  const std::string text(1'000'000, 'x');
  const UniqueFd input = InputOf(text);
  std::string path;
  {
    SpooledInput spooled;
    std::string image = "tarball:/a.tar:-:-";
    ASSERT_OK(spooled.Resolve(image, input.get()));
    const std::vector<std::string> parts = absl::StrSplit(image, ':');
    ASSERT_EQ(parts.size(), 4u);
    EXPECT_EQ(parts[1], "/a.tar");
    path = parts[2];
    EXPECT_EQ(Contents(path), text);
    EXPECT_EQ(Contents(parts[3]), "");
    EXPECT_NE(access(path.c_str(), R_OK), -1);
  }
  EXPECT_EQ(access(path.c_str(), F_OK), -1);
}

TEST(SpooledInput, IsNotReadForOtherNames) {
  const UniqueFd input = InputOf("x");
  for (const std::string name : {"dir:-", "oci:-", "tarball:/-", "docker://host.test/a", "-"}) {
    SpooledInput spooled;
    std::string image = name;
    ASSERT_OK(spooled.Resolve(image, input.get()));
    EXPECT_EQ(image, name);
  }
  EXPECT_EQ(lseek(input.get(), 0, SEEK_CUR), 0);
}

TEST(SpooledInput, InputThatCannotBeReadIsAnError) {
  SpooledInput spooled;
  std::string image = "tarball:-";
  EXPECT_THAT(std::string(spooled.Resolve(image, -1).message()),
              testing::HasSubstr("read standard input"));
}

}  // namespace
}  // namespace holkas
