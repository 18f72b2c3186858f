#include "worker/zygote/storage_ids.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace holkas {
namespace {

using ::testing::ElementsAre;

TEST(StorageIds, OfRootAreAllThatThereAreEachItself) {
  const StorageIds ids = AllIds("         0          0 4294967295\n", "0 1000 1\n1 100000 65536\n");
  EXPECT_THAT(ids.users, ElementsAre(IdRange{0, 0, 4294967295}));
  EXPECT_THAT(ids.groups, ElementsAre(IdRange{0, 0, 1}, IdRange{1, 1, 65536}));
}

TEST(StorageIds, OfAUserBeginWithTheUserAndGoOnWithItsRanges) {
  const StorageIds ids = SubordinateIds("other:1:5\nme:100000:65536\n1001:300000:10\n",
                                        "me:200000:65536\n", "me", 1001, 1002);
  EXPECT_THAT(ids.users, ElementsAre(IdRange{0, 1001, 1}, IdRange{1, 100000, 65536},
                                     IdRange{65537, 300000, 10}));
  EXPECT_THAT(ids.groups, ElementsAre(IdRange{0, 1002, 1}, IdRange{1, 200000, 65536}));
}

TEST(StorageIds, OfAUserWithoutRangesOfBothKindsAreTheUserAlone) {
  const StorageIds ids = SubordinateIds("me:100000:65536\n", "other:100000:65536\n", "me", 7, 8);
  EXPECT_THAT(ids.users, ElementsAre(IdRange{0, 7, 1}));
  EXPECT_THAT(ids.groups, ElementsAre(IdRange{0, 8, 1}));
}

TEST(StorageIds, UserWithoutANameIsNotTheOneOfEmptyLines) {
  EXPECT_EQ(SubordinateIds(":1:5\n", ":1:5\n", "", 7, 8).users.size(), 1u);
}

TEST(StorageIds, LinesThatAreNoRangesArePassedOver) {
  const std::string text =
      "me\nme:1\nme:x:5\nme:5:x\nme:5:0\nme:4294967296:1\nme:1:4294967295\n#me:1:5\n";
  EXPECT_EQ(SubordinateIds(text, text, "me", 7, 8).users.size(), 1u);
}

TEST(StorageIds, RangesAreBounded) {
  std::string text;
  for (int i = 0; i < 1000; ++i) {
    absl::StrAppend(&text, "me:", 100000 + i, ":1\n");
  }
  EXPECT_EQ(SubordinateIds(text, text, "me", 7, 8).users.size(), 100u);
}

}  // namespace
}  // namespace holkas
