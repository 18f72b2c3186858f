#include "worker/storage/tar_block.h"

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "worker/storage/tar_builder.h"

namespace holkas {
namespace {

using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::Optional;

TEST(TarBlock, FieldsAreWhereTheHeaderHasThem) {
  const std::string block = TarBuilder::Block({.name = "a/name",
                                               .type = '2',
                                               .size_bytes = 5,
                                               .mode = 0640,
                                               .mtime_seconds = 1'600'000'000,
                                               .link_name = "target",
                                               .prefix = "before"});
  EXPECT_EQ(TarTextOf(block, kTarName), "a/name");
  EXPECT_EQ(TarTextOf(block, kTarLinkName), "target");
  EXPECT_EQ(TarTextOf(block, kTarPrefix), "before");
  EXPECT_EQ(TarBytesOf(block, kTarType), "2");
  EXPECT_THAT(TarNumberOf(block, kTarSize, "a size"), IsOkAndHolds(5));
  EXPECT_THAT(TarNumberOf(block, kTarMode, "a mode"), IsOkAndHolds(0640));
  EXPECT_THAT(TarNumberOf(block, kTarMtime, "a time"), IsOkAndHolds(1'600'000'000));
}

TEST(TarBlock, NumbersAreOctalOrBinary) {
  EXPECT_THAT(ParseTarNumber(" 0000644 "), Optional(0644));
  EXPECT_THAT(ParseTarNumber(absl::string_view("17\0junk", 7)), Optional(017));
  EXPECT_THAT(ParseTarNumber(""), Optional(0));
  EXPECT_THAT(ParseTarNumber(absl::string_view("\x80\0\0\0\0\0\1\0", 8)), Optional(256));
  EXPECT_THAT(ParseTarNumber("\xff\xff\xff\xff\xff\xff\xff\xfe"), Optional(-2));
  EXPECT_THAT(ParseTarNumber("8"), Eq(std::nullopt));
  EXPECT_THAT(ParseTarNumber("-1"), Eq(std::nullopt));
  EXPECT_THAT(ParseTarNumber(absl::string_view("\x80\1\0\0\0\0\0\0\0\0\0\1", 12)),
              Eq(std::nullopt));
  EXPECT_THAT(ParseTarNumber(std::string(30, '7')), Eq(std::nullopt));
}

TEST(TarBlock, WhatIsNoNumberIsNamed) {
  std::string block = TarBuilder::Block({.name = "a"});
  block.replace(kTarSize.offset, 2, "xx");
  const absl::Status status = TarNumberOf(block, kTarSize, "a size").status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition,
                               HasSubstr("read tar: a size is no number")));
  EXPECT_EQ(ErrorReason(status), "INVALID_LAYER");
}

TEST(TarBlock, AChecksumIsOfAllOtherBytes) {
  std::string block = TarBuilder::Block({.name = "a"});
  EXPECT_TRUE(HasTarChecksum(block));
  ++block[0];
  EXPECT_FALSE(HasTarChecksum(block));
  EXPECT_TRUE(IsZeroTarBlock(std::string(512, '\0')));
  EXPECT_FALSE(IsZeroTarBlock(block));
}

}  // namespace
}  // namespace holkas
