#include "worker/storage/tar_path.h"

#include "gtest/gtest.h"

namespace holkas {
namespace {

TEST(TarPath, CleanedPathsStayInTheLayer) {
  EXPECT_EQ(CleanTarPath("./etc//passwd"), "etc/passwd");
  EXPECT_EQ(CleanTarPath("/etc/"), "etc");
  EXPECT_EQ(CleanTarPath("a/../../b"), "b");
  EXPECT_EQ(CleanTarPath("../../etc/passwd"), "etc/passwd");
  EXPECT_EQ(CleanTarPath("a/./b/.."), "a");
  EXPECT_EQ(CleanTarPath("./"), "");
  EXPECT_EQ(CleanTarPath(".."), "");
}

TEST(TarPath, ParentAndBase) {
  EXPECT_EQ(TarPathParent("a/b/c"), "a/b");
  EXPECT_EQ(TarPathBase("a/b/c"), "c");
  EXPECT_EQ(TarPathParent("a"), "");
  EXPECT_EQ(TarPathBase("a"), "a");
}

}  // namespace
}  // namespace holkas
