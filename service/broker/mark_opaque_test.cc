#include "service/broker/mark_opaque.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <string>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "proto/wire/unique_fd.h"
#include "service/broker/test_files.h"

namespace holkas {
namespace {

class MarkOpaqueTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(mkdir((directory_ / "root").c_str(), 0700), 0);
    ASSERT_EQ(mkdir((directory_ / "root/layer").c_str(), 0700), 0);
    ASSERT_EQ(mkdir((directory_ / "outside").c_str(), 0700), 0);
    WriteTestFile(directory_ / "root/file", "content");
    ASSERT_EQ(symlink("../outside", (directory_ / "root/link").c_str()), 0);
    ASSERT_EQ(symlink("layer", (directory_ / "root/inner").c_str()), 0);
    root_ = UniqueFd(open((directory_ / "root").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }

  std::string Mark(const std::string& name) {
    char value[16];
    const ssize_t size =
        getxattr((directory_ / name).c_str(), "trusted.overlay.opaque", value, sizeof(value));
    return size < 0 ? "" : std::string(value, static_cast<size_t>(size));
  }

  TestDirectory directory_;
  UniqueFd root_;
};

TEST_F(MarkOpaqueTest, SetsTheMark) {
  const absl::Status status = MarkOpaque(root_.get(), "layer");
  if (geteuid() != 0) {
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kPermissionDenied));
    GTEST_SKIP() << "the mark itself needs root";
  }
  EXPECT_OK(status);
  EXPECT_EQ(Mark("root/layer"), "y");
}

TEST_F(MarkOpaqueTest, LeavesWhatIsElsewhere) {
  for (const char* path : {"..", "../outside", "layer/../../outside", "/", "/tmp", "link", "inner",
                           "link/..", "file", "file/."}) {
    const absl::Status status = MarkOpaque(root_.get(), path);
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kPermissionDenied)) << path;
    EXPECT_EQ(ErrorReason(status), "PATH_DENIED") << path;
  }
  EXPECT_EQ(Mark("outside"), "");
}

TEST_F(MarkOpaqueTest, WhatIsNotThereIsNotFound) {
  EXPECT_THAT(MarkOpaque(root_.get(), "nothing"), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(MarkOpaqueTest, WhatIsNoPathIsAViolation) {
  for (const std::string& path : {std::string(), std::string("a\0b", 3), std::string(4097, 'a')}) {
    EXPECT_EQ(ErrorReason(MarkOpaque(root_.get(), path)), "WORKER_VIOLATION");
  }
}

}  // namespace
}  // namespace holkas
