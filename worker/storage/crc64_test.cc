#include "worker/storage/crc64.h"

#include "absl/strings/escaping.h"
#include "gtest/gtest.h"

namespace holkas {
namespace {

std::string Base64Of(absl::string_view data) {
  Crc64 crc64;
  crc64.Update(data);
  return absl::Base64Escape(crc64.Bytes());
}

// As peers have them.
TEST(Crc64, EqualsThatOfOtherTools) {
  EXPECT_EQ(Base64Of("hello\n"), "YUw+7uLYEAA=");
  EXPECT_EQ(Base64Of("new\n"), "YVqy3bAAAAA=");
  EXPECT_EQ(Base64Of("x\n"), "YVMQAAAAAAA=");
}

TEST(Crc64, PiecesGiveTheWhole) {
  Crc64 crc64;
  crc64.Update("hel");
  crc64.Update("");
  crc64.Update("lo\n");
  EXPECT_EQ(absl::Base64Escape(crc64.Bytes()), "YUw+7uLYEAA=");
  crc64.Reset();
  crc64.Update("x\n");
  EXPECT_EQ(absl::Base64Escape(crc64.Bytes()), "YVMQAAAAAAA=");
}

}  // namespace
}  // namespace holkas
