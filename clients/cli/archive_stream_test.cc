#include "clients/cli/archive_stream.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using absl::StatusCode;

class ArchiveStreamTest : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directory(directory_); }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string Path(const std::string& name) const { return absl::StrCat(directory_, "/", name); }
  std::string Get(const std::string& name) const {
    std::ifstream file(Path(name));
    return {std::istreambuf_iterator<char>(file), {}};
  }

  const std::string directory_ = absl::StrCat(testing::TempDir(), "/archive-stream-", getpid());
};

const CheckWait kForever = [] { return absl::OkStatus(); };

// The paths of a descriptor.
std::vector<std::string> PathsOf(int fd) {
  return {absl::StrCat("/dev/fd/", fd), absl::StrCat("/proc/self/fd/", fd)};
}

TEST_F(ArchiveStreamTest, DescriptorsAndPipesAreStreams) {
  for (const char* path :
       {"/dev/stdin", "/dev/stdout", "/dev/fd/7", "/proc/self/fd/7", "/dev/null"}) {
    EXPECT_TRUE(IsStream(absl::StrCat("docker-archive:", path, ":app:1"))) << path;
  }
  ASSERT_EQ(mkfifo(Path("pipe").c_str(), 0600), 0);
  EXPECT_TRUE(IsStream(absl::StrCat("oci-archive:", Path("pipe"))));
  std::ofstream(Path("file")) << "bytes";
  for (const std::string& path : {Path("file"), Path("none"), std::string("/dev/fd/"),
                                  std::string("/dev/fd/-1"), std::string("/dev/fd/07")}) {
    EXPECT_FALSE(IsStream(absl::StrCat("oci-archive:", path))) << path;
  }
  EXPECT_FALSE(IsStream("dir:/dev/stdout"));
}

TEST_F(ArchiveStreamTest, StandardOutputHasThreePaths) {
  for (const char* path : {"/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"}) {
    EXPECT_TRUE(IsStandardOutput(absl::StrCat("docker-archive:", path, ":app:1"))) << path;
  }
  for (const char* path : {"/dev/stdin", "/dev/fd/2", "/proc/self/fd/11", "/dev/null"}) {
    EXPECT_FALSE(IsStandardOutput(absl::StrCat("docker-archive:", path))) << path;
  }
}

TEST_F(ArchiveStreamTest, ADescriptorKeepsItsOffset) {
  const UniqueFd file(open(Path("file").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_EQ(write(file.get(), "a", 1), 1);
  for (const std::string& path : PathsOf(file.get())) {
    ASSERT_OK_AND_ASSIGN(const UniqueFd stream, OpenStream(path, O_WRONLY, kForever));
    ASSERT_EQ(write(stream.get(), "b", 1), 1);
  }
  EXPECT_EQ(Get("file"), "abb");
  ASSERT_EQ(lseek(file.get(), 1, SEEK_SET), 1);
  ASSERT_OK_AND_ASSIGN(const UniqueFd source,
                       OpenArchive(absl::StrCat("oci-archive:", PathsOf(file.get())[0]), kForever));
  char bytes[4];
  EXPECT_EQ(read(source.get(), bytes, sizeof bytes), 2);
}

TEST_F(ArchiveStreamTest, ADescriptorMayBeASocket) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  const UniqueFd one(ends[0]);
  const UniqueFd other(ends[1]);
  for (const std::string& path : PathsOf(one.get())) {
    ASSERT_OK_AND_ASSIGN(const UniqueFd stream, OpenStream(path, O_WRONLY, kForever));
    EXPECT_EQ(write(stream.get(), "a", 1), 1);
  }
}

TEST_F(ArchiveStreamTest, APipeIsNotWaitedForForever) {
  ASSERT_EQ(mkfifo(Path("pipe").c_str(), 0600), 0);
  const CheckWait over = [] { return absl::CancelledError("over"); };
  const auto is_over = StatusIs(StatusCode::kCancelled, "over");
  EXPECT_THAT(OpenStream(Path("pipe"), O_WRONLY, over), is_over);
  EXPECT_THAT(OpenArchive(absl::StrCat("oci-archive:", Path("pipe")), over), is_over);
}

TEST_F(ArchiveStreamTest, WhatCannotBeOpenedIsToldWithItsPath) {
  EXPECT_THAT(
      OpenArchive("docker-archive:/proc/self/fd/987:app:1", kForever),
      StatusIs(StatusCode::kFailedPrecondition, "open /proc/self/fd/987: bad file descriptor"));
  EXPECT_THAT(OpenArchive(absl::StrCat("oci-archive:", Path("none"), ":v1"), kForever),
              StatusIs(StatusCode::kNotFound,
                       absl::StrCat("open ", Path("none"), ": no such file or directory")));
  EXPECT_THAT(OpenArchive(absl::StrCat("oci-archive:", directory_), kForever),
              StatusIs(StatusCode::kInvalidArgument,
                       absl::StrCat("open ", directory_, ": not a regular file")));
  EXPECT_THAT(OpenArchive("dir:/tmp", kForever), StatusIs(StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace holkas
