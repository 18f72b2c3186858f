#include "worker/blob/gzip_content_size.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace holkas {
namespace {

using testing::Eq;
using testing::Optional;

TEST(GzipContentSizeTest, IsTheLastFourBytesLittleEndian) {
  EXPECT_THAT(GuessGzipContentSize(std::string("\xff\x00\x10\x20\x30", 5), 1 << 20),
              Optional(0x30201000));
  EXPECT_THAT(GuessGzipContentSize("\xff\xff\xff\xff", 1 << 30), Optional(0xffffffff));
}

TEST(GzipContentSizeTest, MoreThanDeflateMakesIsNoGuess) {
  EXPECT_THAT(GuessGzipContentSize("\xff\xff\xff\xff", 1 << 20), Eq(std::nullopt));
}

TEST(GzipContentSizeTest, LessThanTheCompressedBytesIsNoGuess) {
  EXPECT_THAT(GuessGzipContentSize(std::string("\xe8\x03\x00\x00", 4), 1005), Optional(1000));
  EXPECT_THAT(GuessGzipContentSize(std::string("\xe8\x03\x00\x00", 4), 2000), Eq(std::nullopt));
}

TEST(GzipContentSizeTest, TooFewBytesAreNoGuess) {
  EXPECT_THAT(GuessGzipContentSize("abc", 1), Eq(std::nullopt));
}

}  // namespace
}  // namespace holkas
