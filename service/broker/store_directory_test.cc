#include "service/broker/store_directory.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "proto/wire/unique_fd.h"

namespace holkas {
namespace {

namespace fs = std::filesystem;

class StoreDirectoryTest : public testing::Test {
 protected:
  StoreDirectoryTest()
      : path_(absl::StrCat(testing::TempDir(), "/",
                           testing::UnitTest::GetInstance()->current_test_info()->name())) {
    fs::remove_all(path_);
    fs::create_directories(path_ + "/overlay/layer/diff");
    fs::create_directory_symlink("overlay", path_ + "/link");
    fs::create_directory_symlink("layer", path_ + "/overlay/link");
    std::ofstream(path_ + "/file") << "x";
    root_.reset(open(path_.c_str(), O_RDONLY | O_DIRECTORY));
  }

  const std::string path_;
  UniqueFd root_;
};

TEST_F(StoreDirectoryTest, DirectoriesAreOpened) {
  ASSERT_OK_AND_ASSIGN(const UniqueFd driver, OpenDriverDirectory(root_.get(), "overlay"));
  ASSERT_OK_AND_ASSIGN(const UniqueFd diff, OpenInDriver(driver.get(), "layer/diff"));
  EXPECT_EQ(mkdirat(diff.get(), "made", 0700), 0);
  EXPECT_TRUE(fs::exists(path_ + "/overlay/layer/diff/made"));
}

TEST_F(StoreDirectoryTest, WhatLeadsElsewhereIsDenied) {
  for (const char* path : {"link", "..", "/", "file"}) {
    EXPECT_EQ(ErrorReason(OpenDriverDirectory(root_.get(), path).status()), "PATH_DENIED") << path;
  }
  ASSERT_OK_AND_ASSIGN(const UniqueFd driver, OpenDriverDirectory(root_.get(), "overlay"));
  for (const char* path : {"link", "link/diff", "..", "../overlay", "layer/../../file"}) {
    EXPECT_EQ(ErrorReason(OpenInDriver(driver.get(), path).status()), "PATH_DENIED") << path;
  }
}

TEST_F(StoreDirectoryTest, WhatIsNotThereIsNotFound) {
  EXPECT_THAT(OpenDriverDirectory(root_.get(), "vfs").status(),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(OpenInDriver(root_.get(), "overlay/other").status(),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(StoreDirectoryTest, TheDriversDirectoryMayBeAMountAndNothingInIt) {
  const std::string driver = path_ + "/overlay";
  const std::string inner = path_ + "/overlay/layer/diff";
  if (mount(driver.c_str(), driver.c_str(), nullptr, MS_BIND, nullptr) != 0) {
    GTEST_SKIP() << "only root mounts";
  }
  EXPECT_EQ(mount(inner.c_str(), inner.c_str(), nullptr, MS_BIND, nullptr), 0);
  const auto opened = OpenDriverDirectory(root_.get(), "overlay");
  EXPECT_OK(opened);
  EXPECT_EQ(opened.ok() ? ErrorReason(OpenInDriver(opened->get(), "layer/diff").status()) : "",
            "PATH_DENIED");
  umount2(inner.c_str(), MNT_DETACH);
  umount2(driver.c_str(), MNT_DETACH);
}

}  // namespace
}  // namespace holkas
