#include "clients/cli/open_pipe.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using absl::StatusCode;

class OpenPipeTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0); }
  void TearDown() override { std::filesystem::remove(path_); }

  const std::string path_ = absl::StrCat(testing::TempDir(), "/open-pipe-", getpid());
};

// Says `action` in a thread of its own when it is first asked, and never ends the wait.
class OtherEnd {
 public:
  explicit OtherEnd(std::function<void()> action) : action_(std::move(action)) {}

  CheckWait check() {
    return [this] {
      if (!thread_.joinable()) {
        thread_ = std::jthread(action_);
      }
      return absl::OkStatus();
    };
  }

 private:
  const std::function<void()> action_;
  std::jthread thread_;
};

bool Blocks(const UniqueFd& file) { return (fcntl(file.get(), F_GETFL) & O_NONBLOCK) == 0; }

TEST_F(OpenPipeTest, WhoWritesWaitsForAReader) {
  char byte = 0;
  {
    OtherEnd reader([&] {
      const UniqueFd file(open(path_.c_str(), O_RDONLY | O_CLOEXEC));
      EXPECT_EQ(read(file.get(), &byte, 1), 1);
    });
    ASSERT_OK_AND_ASSIGN(const UniqueFd pipe, OpenPipe(path_, O_WRONLY, reader.check()));
    EXPECT_TRUE(Blocks(pipe));
    EXPECT_EQ(write(pipe.get(), "x", 1), 1);
  }
  EXPECT_EQ(byte, 'x');
}

TEST_F(OpenPipeTest, WhoReadsWaitsForBytes) {
  OtherEnd writer([&] {
    const UniqueFd file(open(path_.c_str(), O_WRONLY | O_CLOEXEC));
    EXPECT_EQ(write(file.get(), "x", 1), 1);
  });
  ASSERT_OK_AND_ASSIGN(const UniqueFd pipe, OpenPipe(path_, O_RDONLY, writer.check()));
  EXPECT_TRUE(Blocks(pipe));
  char bytes[2];
  EXPECT_EQ(read(pipe.get(), bytes, 2), 1);
  EXPECT_EQ(read(pipe.get(), bytes, 2), 0);
}

TEST_F(OpenPipeTest, AWriterWithoutBytesIsTheEnd) {
  OtherEnd writer([&] { const UniqueFd file(open(path_.c_str(), O_WRONLY | O_CLOEXEC)); });
  ASSERT_OK_AND_ASSIGN(const UniqueFd pipe, OpenPipe(path_, O_RDONLY, writer.check()));
  char byte;
  EXPECT_EQ(read(pipe.get(), &byte, 1), 0);
}

TEST_F(OpenPipeTest, TheWaitCanBeEnded) {
  for (const int flags : {O_RDONLY, O_WRONLY}) {
    int asked = 0;
    EXPECT_THAT(OpenPipe(path_, flags,
                         [&asked] {
                           return ++asked < 3 ? absl::OkStatus() : absl::CancelledError("enough");
                         }),
                StatusIs(StatusCode::kCancelled, "enough"));
    EXPECT_EQ(asked, 3);
  }
}

TEST_F(OpenPipeTest, WhatCannotBeOpenedIsToldWithItsPath) {
  std::filesystem::remove(path_);
  EXPECT_THAT(
      OpenPipe(path_, O_WRONLY, [] { return absl::OkStatus(); }),
      StatusIs(StatusCode::kNotFound, absl::StrCat("open ", path_, ": no such file or directory")));
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
}

}  // namespace
}  // namespace holkas
