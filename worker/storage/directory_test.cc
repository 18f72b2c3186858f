#include "worker/storage/directory.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "proto/wire/unique_fd.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
namespace fs = std::filesystem;

class DirectoryTest : public testing::Test {
 protected:
  void SetUp() override {
    top_ = absl::StrCat(testing::TempDir(), "/",
                        testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(top_);
    fs::create_directories(top_ + "/root/inner");
    std::ofstream(top_ + "/secret") << "secret";
    std::ofstream(top_ + "/root/inner/file") << "content";
    root_ = UniqueFd(open((top_ + "/root").c_str(), O_RDONLY | O_DIRECTORY));
  }
  Directory Root() { return Directory(UniqueFd(fcntl(root_.get(), F_DUPFD_CLOEXEC, 0))); }

  std::string top_;
  UniqueFd root_;
};

TEST_F(DirectoryTest, PathsDoNotLeadOutside) {
  fs::create_symlink("../secret", top_ + "/root/link");
  fs::create_symlink("inner", top_ + "/root/inside");
  for (const char* path : {"../secret", "link", "inner/../../secret", "inside/file"}) {
    EXPECT_THAT(Root().ReadFile(path, 100).status(),
                StatusIs(absl::StatusCode::kFailedPrecondition))
        << path;
  }
  EXPECT_THAT(Root().ReadFile(top_ + "/secret", 100).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Root().ReadFile("inner/file", 100), IsOkAndHolds("content"));
}

TEST_F(DirectoryTest, OnlyRegularFilesAreFiles) {
  ASSERT_EQ(mkfifo((top_ + "/root/fifo").c_str(), 0600), 0);
  EXPECT_THAT(Root().OpenFile("fifo", O_RDONLY).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("not a regular file")));
  EXPECT_THAT(Root().OpenFile("inner", O_RDONLY).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Root().OpenFile("missing", O_RDONLY).status(), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(DirectoryTest, FilesAreReadUpToTheirBound) {
  EXPECT_THAT(Root().ReadFile("inner/file", 7), IsOkAndHolds("content"));
  const absl::Status status = Root().ReadFile("inner/file", 6).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("6 bytes")));
  EXPECT_EQ(ErrorReason(status), "LIMIT_EXCEEDED");
}

TEST_F(DirectoryTest, FilesAreReplacedAsAWhole) {
  ASSERT_OK(Root().WriteFile("new", "one", 0640));
  ASSERT_OK(Root().WriteFile("new", "two", 0600));
  EXPECT_THAT(Root().ReadFile("new", 100), IsOkAndHolds("two"));
  EXPECT_THAT(Root().List(100), IsOkAndHolds(UnorderedElementsAre("inner", "new")));
  EXPECT_EQ(fs::status(top_ + "/root/new").permissions(), fs::perms(0600));
  // A link is replaced, not followed.
  fs::create_symlink("../secret", top_ + "/root/link");
  ASSERT_OK(Root().WriteFile("link", "mine", 0600));
  EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(top_ + "/root/link")));
  EXPECT_EQ(fs::file_size(top_ + "/secret"), 6u);
}

TEST_F(DirectoryTest, TreesAreRemovedWithoutFollowingLinks) {
  fs::create_directories(top_ + "/outside");
  std::ofstream(top_ + "/outside/kept") << "x";
  fs::create_symlink(top_ + "/outside", top_ + "/root/inner/link");
  fs::create_directories(top_ + "/root/inner/a/b/c");
  ASSERT_OK(Root().Remove("inner"));
  EXPECT_FALSE(fs::exists(top_ + "/root/inner"));
  EXPECT_TRUE(fs::exists(top_ + "/outside/kept"));
  EXPECT_OK(Root().Remove("inner"));
}

// Else a layer could be made that nobody gets out of the store again.
TEST_F(DirectoryTest, DeepTreesAreRemovedWithFewDescriptors) {
  ASSERT_OK_AND_ASSIGN(Directory current, Root().OpenDirectory("inner"));
  for (int i = 0; i < 2000; ++i) {
    ASSERT_OK_AND_ASSIGN(current, current.MakeOrOpenDirectory("d", 0700));
    ASSERT_OK(current.OpenFile("f", O_WRONLY | O_CREAT, 0600).status());
  }
  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit few = {128, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  EXPECT_OK(Root().Remove("inner"));
  EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_THAT(Root().List(100), IsOkAndHolds(IsEmpty()));
}

TEST_F(DirectoryTest, DirectoriesOfManyNamesAreRemoved) {
  for (int i = 0; i < 5000; ++i) {
    std::ofstream(absl::StrCat(top_, "/root/inner/", i)) << "x";
  }
  EXPECT_OK(Root().Remove("inner"));
  EXPECT_THAT(Root().List(100), IsOkAndHolds(IsEmpty()));
}

TEST_F(DirectoryTest, MoveDoesNotReplace) {
  ASSERT_OK_AND_ASSIGN(const Directory inner, Root().OpenDirectory("inner"));
  std::ofstream(top_ + "/root/other") << "x";
  EXPECT_THAT(inner.Move("file", Root(), "other"), StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_OK(inner.Move("file", Root(), "moved"));
  EXPECT_THAT(Root().ReadFile("moved", 100), IsOkAndHolds("content"));
}

TEST_F(DirectoryTest, TooManyNamesAreRefused) {
  std::ofstream(top_ + "/root/second") << "x";
  EXPECT_THAT(Root().List(1).status(), StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST_F(DirectoryTest, LinksAreFollowedWithinTheRoot) {
  fs::create_symlink("/inner", top_ + "/root/absolute");
  fs::create_symlink("../../../../inner", top_ + "/root/up");
  fs::create_symlink("absolute/./../up", top_ + "/root/chain");
  fs::create_symlink("loop", top_ + "/root/loop");
  const auto inode = [](int fd) {
    struct stat info = {};
    fstat(fd, &info);
    return info.st_ino;
  };
  const UniqueFd inner(open((top_ + "/root/inner").c_str(), O_RDONLY));
  for (const char* path : {"inner", "absolute", "up", "chain", "/inner", "../inner", "./up/."}) {
    const UniqueFd fd(OpenInRoot(root_.get(), path, 0));
    ASSERT_TRUE(fd.valid()) << path;
    EXPECT_EQ(inode(fd.get()), inode(inner.get())) << path;
  }
  EXPECT_EQ(OpenInRoot(root_.get(), "loop", 0), -1);
  EXPECT_EQ(errno, ELOOP);
  // There and back, in a few links with a thousand names together.
  std::string there_and_back = "inner";
  for (int i = 0; i < 200; ++i) {
    there_and_back += "/../inner";
  }
  fs::create_symlink(there_and_back, top_ + "/root/long1");
  EXPECT_GE(UniqueFd(OpenInRoot(root_.get(), "long1", 0)).get(), 0);
  const WalkInRoot walk = WalkToDirectory(root_.get(), "absolute", 0);
  EXPECT_TRUE(UniqueFd(walk.fd).valid());
  EXPECT_EQ(walk.names, 2);
  fs::create_symlink("long1/../long1/../long1", top_ + "/root/long3");
  EXPECT_EQ(OpenInRoot(root_.get(), "long3", 0), -1);
  EXPECT_EQ(errno, ELOOP);
  EXPECT_EQ(OpenInRoot(root_.get(), "missing/a", 0), -1);
  EXPECT_EQ(errno, ENOENT);
  EXPECT_EQ(OpenInRoot(root_.get(), "inner/file", 0), -1);
  EXPECT_EQ(errno, ENOTDIR);
}

}  // namespace
}  // namespace holkas
