#include "worker/storage/big_data_name.h"

#include "gtest/gtest.h"

namespace holkas {
namespace {

TEST(BigDataName, PlainKeysAreTheirOwnNames) {
  EXPECT_EQ(BigDataFileName("manifest"), "manifest");
  EXPECT_EQ(BigDataFileName("a.0"), "a.0");
}

TEST(BigDataName, OtherKeysAreInBase64) {
  EXPECT_EQ(BigDataFileName("manifest-sha256:c3972e"), "=bWFuaWZlc3Qtc2hhMjU2OmMzOTcyZQ==");
  EXPECT_EQ(BigDataFileName("A"), "=QQ==");
  EXPECT_EQ(BigDataFileName("../a"), "=Li4vYQ==");
}

}  // namespace
}  // namespace holkas
