#include "clients/cli/archive_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "proto/wire/unique_fd.h"

namespace holkas {
namespace {

using absl::StatusCode;
using testing::HasSubstr;

class ArchiveFileTest : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directory(directory_); }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string Path(const std::string& name) const { return absl::StrCat(directory_, "/", name); }
  void Put(const std::string& name, const std::string& text) { std::ofstream(Path(name)) << text; }
  std::string Get(const std::string& name) const {
    std::ifstream file(Path(name));
    return {std::istreambuf_iterator<char>(file), {}};
  }
  size_t Files() const {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(directory_), {}));
  }

  const std::string directory_ = absl::StrCat(testing::TempDir(), "/archive-file-", getpid());
};

TEST_F(ArchiveFileTest, IsThereWhenItIsPublished) {
  ASSERT_OK_AND_ASSIGN(const auto file, ArchiveFile::Create(Path("a.tar"), true));
  EXPECT_OK(file->Write("one "));
  EXPECT_OK(file->Write("two"));
  EXPECT_FALSE(std::filesystem::exists(Path("a.tar")));
  EXPECT_OK(file->Publish());
  EXPECT_EQ(Get("a.tar"), "one two");
  EXPECT_EQ(Files(), 1);
}

TEST_F(ArchiveFileTest, NothingIsLeftOfOneThatIsNot) {
  Put("a.tar", "old");
  {
    ASSERT_OK_AND_ASSIGN(const auto file, ArchiveFile::Create(Path("a.tar"), false));
    EXPECT_OK(file->Write("new"));
    EXPECT_EQ(Files(), 2);
  }
  EXPECT_EQ(Get("a.tar"), "old");
  EXPECT_EQ(Files(), 1);
}

TEST_F(ArchiveFileTest, TakesThePlaceAndThePermissionsOfTheOld) {
  Put("a.tar", "old");
  chmod(Path("a.tar").c_str(), 0640);
  std::filesystem::create_symlink("a.tar", Path("link"));
  ASSERT_OK_AND_ASSIGN(const auto file, ArchiveFile::Create(Path("link"), false));
  EXPECT_OK(file->Write("new"));
  EXPECT_OK(file->Publish());
  EXPECT_EQ(Get("a.tar"), "new");
  EXPECT_TRUE(std::filesystem::is_symlink(Path("link")));
  struct stat info = {};
  stat(Path("a.tar").c_str(), &info);
  EXPECT_EQ(info.st_mode & 07777, 0640);
}

TEST_F(ArchiveFileTest, IsWhereALinkLeadsThatLeadsToNothing) {
  std::filesystem::create_directory(Path("there"));
  std::filesystem::create_symlink("there/a.tar", Path("link"));
  std::filesystem::create_symlink(Path("link"), Path("other"));
  ASSERT_OK_AND_ASSIGN(const auto file, ArchiveFile::Create(Path("other"), true));
  EXPECT_OK(file->Write("new"));
  EXPECT_OK(file->Publish());
  EXPECT_EQ(Get("there/a.tar"), "new");
  EXPECT_TRUE(std::filesystem::is_symlink(Path("link")));
  EXPECT_TRUE(std::filesystem::is_symlink(Path("other")));
}

TEST_F(ArchiveFileTest, LinksInACircleStay) {
  std::filesystem::create_symlink("loop", Path("loop"));
  EXPECT_THAT(ArchiveFile::Create(Path("loop"), false).status().message(),
              HasSubstr("too many levels of symbolic links"));
  EXPECT_EQ(Files(), 1);
}

TEST_F(ArchiveFileTest, OneThatMustBeNewReplacesAnEmptyFileAlone) {
  Put("a.tar", "old");
  const absl::Status status = ArchiveFile::Create(Path("a.tar"), true).status();
  EXPECT_THAT(status, StatusIs(StatusCode::kFailedPrecondition,
                               "docker-archive doesn't support modifying existing images"));
  EXPECT_EQ(ErrorReason(status), "DESTINATION_CONFLICT");
  Put("b.tar", "");
  ASSERT_OK_AND_ASSIGN(const auto file, ArchiveFile::Create(Path("b.tar"), true));
  EXPECT_OK(file->Write("new"));
  EXPECT_OK(file->Publish());
  EXPECT_EQ(Get("b.tar"), "new");
}

TEST_F(ArchiveFileTest, WhatCameMeanwhileStays) {
  ASSERT_OK_AND_ASSIGN(const auto file, ArchiveFile::Create(Path("a.tar"), true));
  Put("a.tar", "another's");
  EXPECT_THAT(file->Publish(), StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_EQ(Get("a.tar"), "another's");
}

TEST_F(ArchiveFileTest, AStreamThatDoesNotBlockGetsEverything) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
  const UniqueFd from(ends[0]);
  UniqueFd to(ends[1]);
  ASSERT_EQ(fcntl(from.get(), F_SETFL, 0), 0);
  size_t count = 0;
  std::thread reader([&] {
    std::vector<char> buffer(1 << 16);
    for (ssize_t some; (some = read(from.get(), buffer.data(), buffer.size())) > 0;) {
      count += static_cast<size_t>(some);
    }
  });
  {
    ASSERT_OK_AND_ASSIGN(const auto file,
                         ArchiveFile::OpenStream(absl::StrCat("/dev/fd/", to.get()),
                                                 [] { return absl::OkStatus(); }));
    EXPECT_OK(file->Write(std::string(1 << 20, 'x')));
    EXPECT_OK(file->Publish());
  }
  to.reset();
  reader.join();
  EXPECT_EQ(count, 1 << 20);
}

TEST_F(ArchiveFileTest, WhatIsNoFileIsNotReplaced) {
  EXPECT_THAT(ArchiveFile::Create(directory_, false),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("is a directory")));
  EXPECT_THAT(ArchiveFile::Create("/dev/null", false),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("not a regular file")));
  EXPECT_THAT(ArchiveFile::Create(Path("none/a.tar"), false),
              StatusIs(StatusCode::kNotFound, HasSubstr("no such file or directory")));
}

}  // namespace
}  // namespace holkas
