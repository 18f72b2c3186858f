#include "service/broker/make_device.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "proto/wire/unique_fd.h"
#include "service/broker/test_files.h"

namespace holkas {
namespace {

constexpr char kStaging[] = "overlay/.holkas-0123456789abcdef";

// Takes CAP_MKNOD away from this thread, which root of a container may not have, for its lifetime.
class WithoutMknod {
 public:
  WithoutMknod() {
    EXPECT_EQ(syscall(SYS_capget, &header_, before_), 0);
    __user_cap_data_struct without[2] = {before_[0], before_[1]};
    without[0].effective &= ~(1u << CAP_MKNOD);
    EXPECT_EQ(syscall(SYS_capset, &header_, without), 0);
  }
  ~WithoutMknod() { EXPECT_EQ(syscall(SYS_capset, &header_, before_), 0); }

 private:
  __user_cap_header_struct header_ = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct before_[2] = {};
};

class MakeDeviceTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"root", "root/overlay", "root/overlay/layer", "outside",
                             "root/overlay/.holkas-0123456789abcdef"}) {
      ASSERT_EQ(mkdir((directory_ / name).c_str(), 0700), 0);
    }
    ASSERT_EQ(
        symlink("../../outside", (directory_ / "root/overlay/.holkas-00000000000000aa").c_str()),
        0);
    ASSERT_EQ(symlink("overlay", (directory_ / "root/link").c_str()), 0);
    root_ = UniqueFd(open((directory_ / "root").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }

  absl::StatusOr<bool> Make(const std::string& path,
                            broker::DeviceKind kind = broker::DEVICE_KIND_CHARACTER,
                            uint32_t device_major = 1, uint32_t device_minor = 3) {
    broker::MakeDevice node;
    node.set_path(path);
    node.set_kind(kind);
    node.set_device_major(device_major);
    node.set_device_minor(device_minor);
    return MakeDevice(root_.get(), node);
  }

  struct stat StatOf(const std::string& name) {
    struct stat info = {};
    EXPECT_EQ(lstat((directory_ / ("root/" + name)).c_str(), &info), 0) << name;
    return info;
  }

  TestDirectory directory_;
  UniqueFd root_;
};

TEST_F(MakeDeviceTest, MakesNodesOfBothKinds) {
  const std::string null = absl::StrCat(kStaging, "/1");
  const std::string disk = absl::StrCat(kStaging, "/2");
  ASSERT_OK_AND_ASSIGN(const bool made, Make(null));
  EXPECT_EQ(made, geteuid() == 0);
  if (!made) {
    GTEST_SKIP() << "making one needs root";
  }
  EXPECT_THAT(Make(disk, broker::DEVICE_KIND_BLOCK, 259, 70'000), IsOkAndHolds(true));
  EXPECT_EQ(StatOf(null).st_mode, S_IFCHR | 0600u);
  EXPECT_EQ(StatOf(null).st_rdev, makedev(1, 3));
  EXPECT_EQ(StatOf(disk).st_mode, S_IFBLK | 0600u);
  EXPECT_EQ(StatOf(disk).st_rdev, makedev(259, 70'000));
}

TEST_F(MakeDeviceTest, ReplacesNothing) {
  const std::string taken = absl::StrCat(kStaging, "/file");
  const std::string link = absl::StrCat(kStaging, "/link");
  WriteTestFile(directory_ / ("root/" + taken), "content");
  ASSERT_EQ(symlink("../nowhere", (directory_ / ("root/" + link)).c_str()), 0);
  for (const std::string& path : {taken, link}) {
    EXPECT_THAT(Make(path).status(), StatusIs(absl::StatusCode::kAlreadyExists)) << path;
  }
  EXPECT_EQ(StatOf(taken).st_size, 7);
  struct stat info = {};
  EXPECT_NE(lstat((directory_ / "root/overlay/nowhere").c_str(), &info), 0);
}

TEST_F(MakeDeviceTest, OutsideAStagingDirectoryIsAViolation) {
  for (const char* path : {"",
                           "/",
                           "device",
                           "overlay/device",
                           "overlay/layer/device",
                           "overlay/layer/diff/device",
                           ".holkas-0123456789abcdef/device",
                           "overlay/.holkas-0123456789abcdef",
                           "overlay/.holkas-0123456789abcdef/",
                           "overlay/.holkas-0123456789abcdef/.",
                           "overlay/.holkas-0123456789abcdef/..",
                           "overlay/.holkas-0123456789abcdef/../layer",
                           "overlay/.holkas-0123456789abcdef/../layer/device",
                           "overlay/.holkas-0123456789abcdef/0/device",
                           "../root/.holkas-0123456789abcdef/device",
                           "../.holkas-0123456789abcdef/device",
                           "./.holkas-0123456789abcdef/device",
                           "/.holkas-0123456789abcdef/device",
                           "/overlay/.holkas-0123456789abcdef/device",
                           "overlay//.holkas-0123456789abcdef/device",
                           "overlay/.holkas-0123456789abcde/device",
                           "overlay/.holkas-0123456789abcdef0/device",
                           "overlay/.holkas-0123456789ABCDEF/device",
                           "overlay/.holkas-0123456789abcdeg/device",
                           "overlay/holkas-0123456789abcdef/device"}) {
    EXPECT_EQ(ErrorReason(Make(path).status()), "WORKER_VIOLATION") << path;
  }
  EXPECT_EQ(ErrorReason(Make(absl::StrCat(kStaging, "/a", std::string(1, '\0'))).status()),
            "WORKER_VIOLATION");
  EXPECT_EQ(ErrorReason(Make(absl::StrCat(kStaging, "/", std::string(4096, 'a'))).status()),
            "WORKER_VIOLATION");
  EXPECT_TRUE(std::filesystem::is_empty(directory_ / "root/overlay/layer"));
}

TEST_F(MakeDeviceTest, LinksOnTheWayAreDenied) {
  for (const char* path :
       {"overlay/.holkas-00000000000000aa/device", "link/.holkas-0123456789abcdef/device"}) {
    const absl::Status status = Make(path).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kPermissionDenied)) << path;
    EXPECT_EQ(ErrorReason(status), "PATH_DENIED") << path;
  }
  EXPECT_TRUE(std::filesystem::is_empty(directory_ / "outside"));
}

TEST_F(MakeDeviceTest, WhatIsNotThereIsNotFound) {
  for (const char* path :
       {"vfs/.holkas-0123456789abcdef/device", "overlay/.holkas-fedcba9876543210/device"}) {
    EXPECT_THAT(Make(path).status(), StatusIs(absl::StatusCode::kNotFound)) << path;
  }
}

TEST_F(MakeDeviceTest, WhatIsNoDeviceIsAViolation) {
  const std::string path = absl::StrCat(kStaging, "/device");
  EXPECT_EQ(ErrorReason(Make(path, broker::DEVICE_KIND_UNSPECIFIED).status()), "WORKER_VIOLATION");
  EXPECT_EQ(ErrorReason(Make(path, static_cast<broker::DeviceKind>(7)).status()),
            "WORKER_VIOLATION");
  EXPECT_EQ(ErrorReason(Make(path, broker::DEVICE_KIND_BLOCK, 1 << 12, 0).status()),
            "WORKER_VIOLATION");
  EXPECT_EQ(ErrorReason(Make(path, broker::DEVICE_KIND_BLOCK, 0, 1 << 20).status()),
            "WORKER_VIOLATION");
}

TEST_F(MakeDeviceTest, WhereOthersMayEnterNoneIsMade) {
  ASSERT_EQ(chmod((directory_ / "root").c_str(), 0755), 0);
  EXPECT_THAT(Make(absl::StrCat(kStaging, "/1")), IsOkAndHolds(geteuid() == 0));
  ASSERT_EQ(chmod((directory_ / "root/overlay").c_str(), 0710), 0);
  EXPECT_THAT(Make(absl::StrCat(kStaging, "/2")), IsOkAndHolds(false));
  ASSERT_EQ(chmod((directory_ / "root").c_str(), 0700), 0);
  EXPECT_THAT(Make(absl::StrCat(kStaging, "/3")), IsOkAndHolds(geteuid() == 0));
  if (geteuid() == 0) {
    ASSERT_EQ(chown((directory_ / "root").c_str(), 1000, 1000), 0);
    EXPECT_THAT(Make(absl::StrCat(kStaging, "/4")), IsOkAndHolds(false));
  }
}

TEST_F(MakeDeviceTest, WhoHasNoRightMakesNone) {
  const WithoutMknod without;
  EXPECT_THAT(Make(absl::StrCat(kStaging, "/1")), IsOkAndHolds(false));
  EXPECT_TRUE(std::filesystem::is_empty(directory_ / (absl::StrCat("root/", kStaging))));
}

}  // namespace
}  // namespace holkas
