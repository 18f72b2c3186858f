#include "clients/cli/align_columns.h"

#include "gtest/gtest.h"

namespace holkas {
namespace {

TEST(AlignColumns, TextWithoutTabsStays) {
  EXPECT_EQ(AlignColumns(""), "");
  EXPECT_EQ(AlignColumns("a b\n\nc\n"), "a b\n\nc\n");
}

TEST(AlignColumns, CellsAreAtLeastTwelveWide) {
  EXPECT_EQ(AlignColumns("a\tb\n"), "a           b\n");
  EXPECT_EQ(AlignColumns("a\t\tb"), "a                       b");
}

TEST(AlignColumns, TheLongestCellMakesTheWidth) {
  EXPECT_EQ(AlignColumns("a\tb\n0123456789ab\tc\n"), "a             b\n0123456789ab  c\n");
  // Characters count, not bytes.
  EXPECT_EQ(AlignColumns("\xc3\xa9\tb\n"), "\xc3\xa9           b\n");
}

TEST(AlignColumns, LineWithoutTheColumnEndsIt) {
  EXPECT_EQ(AlignColumns("a\tb\nx\n0123456789ab\tc\n"), "a           b\nx\n0123456789ab  c\n");
}

}  // namespace
}  // namespace holkas
