#include "proto/wire/printable.h"

#include <string>

#include "gtest/gtest.h"

namespace holkas {
namespace {

TEST(Printable, PlainTextStaysAsItIs) {
  EXPECT_EQ(Printable("read blob: Größe 1 \xf0\x9f\x9a\xa2", 100),
            "read blob: Größe 1 \xf0\x9f\x9a\xa2");
}

TEST(Printable, ControlCharactersAreEscaped) {
  EXPECT_EQ(Printable("a\x1b[31m\r\n\t\x7f", 100), "a\\x1b[31m\\x0d\\n\\x09\\x7f");
  EXPECT_EQ(Printable(std::string("a\0b", 3), 100), "a\\x00b");
  EXPECT_EQ(Printable("\xc2\x9b", 100), "\\xc2\\x9b");
  EXPECT_EQ(Printable("\xe2\x80\xae", 100), "\\xe2\\x80\\xae");
}

TEST(Printable, MalformedUtf8IsEscaped) {
  EXPECT_EQ(Printable("\xff", 100), "\\xff");
  EXPECT_EQ(Printable("\xc0\x80", 100), "\\xc0\\x80");
  EXPECT_EQ(Printable("\xed\xa0\x80", 100), "\\xed\\xa0\\x80");
  EXPECT_EQ(Printable("\xe2\x82", 100), "\\xe2\\x82");
  EXPECT_EQ(Printable("\xf5\x80\x80\x80", 100), "\\xf5\\x80\\x80\\x80");
}

TEST(Printable, LongTextIsCutBetweenCharacters) {
  EXPECT_EQ(Printable("0123456789", 10), "0123456789");
  EXPECT_EQ(Printable("0123456789a", 10), "0123456...");
  EXPECT_EQ(Printable("01234\x01"
                      "abcdef",
                      10),
            "01234...");
  EXPECT_EQ(Printable("abc", 2), "..");
}

}  // namespace
}  // namespace holkas
