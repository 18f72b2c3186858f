#include "worker/storage/layer_rights.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"
#include "proto/wire/unique_fd.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;

class LayerRightsTest : public testing::Test {
 protected:
  LayerRightsTest()
      : path_(absl::StrCat(testing::TempDir(), "/",
                           testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
    directory_.reset(open(path_.c_str(), O_RDONLY | O_DIRECTORY));
  }

  const std::string path_;
  UniqueFd directory_;
};

TEST_F(LayerRightsTest, WhoHasNoRightMakesNone) {
  EXPECT_THAT(MakeOwnDevice(directory_.get(), "null", S_IFCHR, makedev(1, 3)),
              IsOkAndHolds(geteuid() == 0));
  EXPECT_EQ(std::filesystem::exists(path_ + "/null"), geteuid() == 0);
}

TEST_F(LayerRightsTest, NodesAreTheirOwnersAlone) {
  // Of this one nobody needs a right.
  ASSERT_THAT(MakeOwnDevice(directory_.get(), "gone", S_IFCHR, 0), IsOkAndHolds(true));
  struct stat info = {};
  ASSERT_EQ(stat((path_ + "/gone").c_str(), &info), 0);
  EXPECT_TRUE(S_ISCHR(info.st_mode));
  EXPECT_EQ(info.st_mode & 07077, 0u);
  EXPECT_TRUE(IsWhiteoutDevice(info.st_mode & S_IFMT, info.st_rdev));
}

TEST_F(LayerRightsTest, WhatIsThereIsNotReplaced) {
  ASSERT_THAT(MakeOwnDevice(directory_.get(), "a", S_IFCHR, 0), IsOkAndHolds(true));
  EXPECT_THAT(MakeOwnDevice(directory_.get(), "a", S_IFCHR, 0).status(),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("make the device a")));
}

TEST_F(LayerRightsTest, OnlyTheCharacterDeviceWithoutNumbersIsAWhiteout) {
  EXPECT_TRUE(IsWhiteoutDevice(S_IFCHR, makedev(0, 0)));
  EXPECT_FALSE(IsWhiteoutDevice(S_IFCHR, makedev(0, 1)));
  EXPECT_FALSE(IsWhiteoutDevice(S_IFBLK, makedev(0, 0)));
}

}  // namespace
}  // namespace holkas
