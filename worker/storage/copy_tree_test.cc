#include "worker/storage/copy_tree.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"
#include "proto/wire/unique_fd.h"
#include "worker/storage/directory.h"
#include "worker/storage/layer_budget.h"
#include "worker/storage/layer_rights.h"

namespace holkas {
namespace {

namespace fs = std::filesystem;

// With a device 0/0 of two names, which everybody may make.
class CopyTreeTest : public testing::Test {
 protected:
  void SetUp() override {
    top_ = absl::StrCat(testing::TempDir(), "/",
                        testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(top_);
    fs::create_directories(top_ + "/from");
    fs::create_directories(top_ + "/to");
    ASSERT_EQ(mknod((top_ + "/from/a").c_str(), S_IFCHR | 0600, 0), 0);
    ASSERT_EQ(chmod((top_ + "/from/a").c_str(), 0640), 0);
    ASSERT_EQ(link((top_ + "/from/a").c_str(), (top_ + "/from/b").c_str()), 0);
  }

  absl::Status Copy(const DeviceMaker& make_device, LayerBudget& budget) {
    return CopyTree(Open("/from"), Open("/to"), make_device, budget);
  }

  Directory Open(const std::string& path) {
    return Directory(UniqueFd(open((top_ + path).c_str(), O_RDONLY | O_DIRECTORY)));
  }

  std::string top_;
};

TEST_F(CopyTreeTest, DevicesKeepTheirModeAndTheirNames) {
  LayerBudget budget;
  ASSERT_OK(Copy(MakeOwnDevice, budget));
  struct stat info = {};
  ASSERT_EQ(lstat((top_ + "/to/b").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode, S_IFCHR | 0640u);
  EXPECT_EQ(info.st_rdev, 0u);
  EXPECT_EQ(info.st_nlink, 2u);
}

TEST_F(CopyTreeTest, DevicesThatNobodyMayMakeAreLeftOutWithAllTheirNames) {
  const DeviceMaker nobody = [](int, const std::string&, mode_t, dev_t) { return false; };
  LayerBudget budget;
  EXPECT_OK(Copy(nobody, budget));
  EXPECT_TRUE(fs::is_empty(top_ + "/to"));
}

TEST_F(CopyTreeTest, DevicesCostMoreThanOtherEntries) {
  constexpr int64_t kEntries = 2 + LayerBudget::kEntriesOfCall;
  LayerBudget enough;
  ASSERT_OK(enough.TakeEntries(LayerBudget::kFreeEntries - kEntries));
  EXPECT_OK(Copy(MakeOwnDevice, enough));
  SetUp();
  LayerBudget too_little;
  ASSERT_OK(too_little.TakeEntries(LayerBudget::kFreeEntries - kEntries + 1));
  EXPECT_THAT(Copy(MakeOwnDevice, too_little), StatusIs(absl::StatusCode::kResourceExhausted));
}

}  // namespace
}  // namespace holkas
