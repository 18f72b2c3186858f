#include "service/config/followed_files.h"

#include <cstdio>
#include <fstream>
#include <optional>
#include <sstream>

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
