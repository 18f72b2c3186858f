#include "service/config/followed_files.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <sstream>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using testing::HasSubstr;

// A file whose text is the value; `broken` cannot be loaded.
class FollowedFilesTest : public testing::Test {
 protected:
  void Write(const std::string& text) {
    // Another inode, as from editors and from those who deploy files.
    std::ofstream(path_ + ".new") << text;
    ASSERT_EQ(rename((path_ + ".new").c_str(), path_.c_str()), 0);
  }

  absl::StatusOr<std::string> Load() {
    ++loads_;
    std::ostringstream text;
    text << std::ifstream(path_).rdbuf();
    if (const auto change = std::exchange(while_reading_, nullptr)) {
      change();
    }
    if (text.str() == "broken") {
      return absl::InvalidArgumentError("it is broken");
    }
    return text.str();
  }

  absl::StatusOr<std::unique_ptr<FollowedFiles<std::string>>> Open() {
    return FollowedFiles<std::string>::Open(
        {path_}, [this] { return Load(); },
        [this](const absl::Status& why) {
          ++complaints_;
          last_complaint_ = std::string(why.message());
        });
  }

  const std::string path_ = testing::TempDir() + "/followed";
  // Happens once, when the file has been read and not yet given.
  std::function<void()> while_reading_;
  int loads_ = 0;
  int complaints_ = 0;
  std::string last_complaint_;
};

TEST_F(FollowedFilesTest, IsReadOnceAsLongAsItStaysTheSame) {
  Write("one");
  ASSERT_OK_AND_ASSIGN(const auto files, Open());
  EXPECT_EQ(*files->Current(), "one");
  EXPECT_EQ(*files->Current(), "one");
  EXPECT_EQ(loads_, 1);
}

TEST_F(FollowedFilesTest, AChangeIsSeenAndWhatWasGivenStays) {
  Write("one");
  ASSERT_OK_AND_ASSIGN(const auto files, Open());
  const std::shared_ptr<const std::string> old = files->Current();
  Write("two");
  EXPECT_EQ(*files->Current(), "two");
  EXPECT_EQ(*old, "one");
}

TEST_F(FollowedFilesTest, AFileThatIsWrittenInItsPlaceHasChanged) {
  Write("one");
  ASSERT_OK_AND_ASSIGN(const auto files, Open());
  // As many bytes, at another time: the clock of the file system goes in steps.
  const std::filesystem::file_time_type before = std::filesystem::last_write_time(path_);
  do {
    std::ofstream(path_) << "two";
  } while (std::filesystem::last_write_time(path_) == before);
  EXPECT_EQ(*files->Current(), "two");
}

TEST_F(FollowedFilesTest, WhatChangesWhileItIsReadIsReadAgain) {
  Write("one");
  const auto change = [this](const std::string& text) {
    while_reading_ = [this, text] { Write(text); };
  };
  change("two");
  ASSERT_OK_AND_ASSIGN(const auto files, Open());
  EXPECT_EQ(*files->Current(), "two");
  Write("three");
  change("four");
  EXPECT_EQ(*files->Current(), "three");
  EXPECT_EQ(*files->Current(), "four");
}

TEST_F(FollowedFilesTest, EachOfSeveralFilesIsLookedAt) {
  Write("one");
  const std::string other = path_ + ".other";
  std::ofstream(other) << "other";
  ASSERT_OK_AND_ASSIGN(const auto files,
                       FollowedFiles<std::string>::Open(
                           {path_, other}, [this] { return Load(); }, [](const absl::Status&) {}));
  ASSERT_EQ(remove(other.c_str()), 0);
  files->Current();
  EXPECT_EQ(loads_, 2);
}

TEST_F(FollowedFilesTest, ABrokenFileKeepsTheOldValueAndIsToldOnce) {
  Write("one");
  ASSERT_OK_AND_ASSIGN(const auto files, Open());
  Write("broken");
  EXPECT_EQ(*files->Current(), "one");
  EXPECT_EQ(*files->Current(), "one");
  EXPECT_EQ(complaints_, 1);
  EXPECT_EQ(last_complaint_, "it is broken");
  Write("three");
  EXPECT_EQ(*files->Current(), "three");
}

TEST_F(FollowedFilesTest, ABrokenFileAtTheStartIsAnError) {
  Write("broken");
  EXPECT_THAT(Open().status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("it is broken")));
}

}  // namespace
}  // namespace holkas
