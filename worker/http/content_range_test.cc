#include "worker/http/content_range.h"

#include "gtest/gtest.h"

namespace holkas {
namespace {

TEST(ContentRange, ReadsFirstLastAndTotal) {
  const std::optional<ContentRange> range = ParseContentRange("bytes 5-9/10");
  ASSERT_TRUE(range.has_value());
  EXPECT_EQ(range->first, 5);
  EXPECT_EQ(range->last, 9);
  EXPECT_EQ(range->total, 10);
  EXPECT_EQ(ParseContentRange("Bytes 0-0/*")->total, -1);
}

TEST(ContentRange, RefusesEveryOtherForm) {
  for (const char* value : {"",
                            "bytes",
                            "bytes ",
                            "bytes 5-9",
                            "bytes 5-9/",
                            "bytes 5-/10",
                            "bytes -9/10",
                            "bytes 9-5/10",
                            "bytes 5-9/9",
                            "bytes 5-9/10 ",
                            "bytes 5-9/10/11",
                            "bytes=5-9/10",
                            "bytes 5-9/x",
                            "bytes */10",
                            "items 5-9/10",
                            "bytes  5-9/10",
                            "bytes +5-9/10",
                            "bytes 5-9/-10",
                            "bytes 0x5-9/10",
                            "bytes 5-9999999999999999999/99999999999999999999"}) {
    EXPECT_FALSE(ParseContentRange(value).has_value()) << value;
  }
}

}  // namespace
}  // namespace holkas
