#include "clients/cli/spooled_input.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"
#include "proto/wire/unique_fd.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;

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
    ASSERT_OK(spooled.Resolve(image, input.get(), absl::InfiniteFuture()));
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
    ASSERT_OK(spooled.Resolve(image, input.get(), absl::InfiniteFuture()));
    EXPECT_EQ(image, name);
  }
  EXPECT_EQ(lseek(input.get(), 0, SEEK_CUR), 0);
}

TEST(SpooledInput, InputThatCannotBeReadIsAnError) {
  constexpr int kNoDescriptor = 1'000'000;
  SpooledInput spooled;
  std::string image = "tarball:-";
  EXPECT_THAT(std::string(spooled.Resolve(image, kNoDescriptor, absl::InfiniteFuture()).message()),
              HasSubstr("standard input: read"));
}

TEST(SpooledInput, AnArchiveThatComesInAStreamBecomesAFile) {
  const UniqueFd input = InputOf("archive");
  const std::string stream = absl::StrCat("/dev/fd/", input.get());
  SpooledInput spooled;
  std::string image = absl::StrCat("docker-archive:", stream, ":app:1");
  ASSERT_OK(spooled.ResolveStream(image, absl::InfiniteFuture()));
  const std::vector<std::string> parts = absl::StrSplit(image, ':');
  ASSERT_EQ(parts.size(), 4u);
  EXPECT_EQ(Contents(parts[1]), "archive");
  EXPECT_EQ(parts[2] + ":" + parts[3], "app:1");
}

TEST(SpooledInput, OtherArchivesStayWhereTheyAre) {
  SpooledInput spooled;
  std::string image = "oci-archive:/srv/app.tar:x";
  ASSERT_OK(spooled.ResolveStream(image, absl::InfiniteFuture()));
  EXPECT_EQ(image, "oci-archive:/srv/app.tar:x");
}

TEST(SpooledInput, AWriterThatStopsHalfWayIsWaitedForUntilTheDeadline) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_NONBLOCK), 0);
  const UniqueFd input(ends[0]);
  const UniqueFd writer(ends[1]);
  ASSERT_EQ(write(writer.get(), "half", 4), 4);
  for (std::string image : {"tarball:-", "docker-archive:/dev/fd/"}) {
    if (absl::EndsWith(image, "/")) {
      absl::StrAppend(&image, input.get());
    }
    SpooledInput spooled;
    const absl::Time deadline = absl::Now() + absl::Milliseconds(200);
    absl::Status status = spooled.Resolve(image, input.get(), deadline);
    status.Update(spooled.ResolveStream(image, deadline));
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("deadline")));
  }
}

TEST(SpooledInput, APipeThatNobodyWritesToIsWaitedForUntilTheDeadline) {
  const std::string path = absl::StrCat(testing::TempDir(), "/silent");
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  SpooledInput spooled;
  std::string image = absl::StrCat("oci-archive:", path);
  EXPECT_THAT(spooled.ResolveStream(image, absl::Now() + absl::Milliseconds(200)),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
}

}  // namespace
}  // namespace holkas
