#include "worker/crypt/der.h"

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

TEST(Der, ReadsWhatItWritesAtEveryLength) {
  for (const size_t size : {0u, 1u, 127u, 128u, 255u, 256u, 65535u, 65536u}) {
    const std::string content(size, 'c');
    const std::string der = WriteDer(kDerOctetString, content) + WriteDer(kDerInteger, "i");
    DerReader reader(der);
    EXPECT_EQ(reader.NextTag(), kDerOctetString);
    EXPECT_THAT(reader.Read(kDerOctetString), IsOkAndHolds(content));
    EXPECT_FALSE(reader.AtEnd());
    EXPECT_THAT(reader.Read(kDerInteger), IsOkAndHolds("i"));
    EXPECT_TRUE(reader.AtEnd());
    EXPECT_EQ(reader.NextTag(), 0);
  }
}

TEST(Der, OtherFormsAreRefused) {
  const auto read = [](absl::string_view der) {
    return DerReader(der).Read(kDerOctetString).status();
  };
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  using absl::string_view;
  EXPECT_THAT(read(""), StatusIs(kInvalid));
  EXPECT_THAT(read("\x04"), StatusIs(kInvalid));
  EXPECT_THAT(read("\x02\x01x"), StatusIs(kInvalid)) << "another tag";
  EXPECT_THAT(read("\x04\x02x"), StatusIs(kInvalid)) << "cut off";
  EXPECT_THAT(read("\x04\x81\x01x"), StatusIs(kInvalid)) << "too long a form";
  EXPECT_THAT(read(string_view("\x04\x82\x00\x81", 4)), StatusIs(kInvalid)) << "a leading zero";
  EXPECT_THAT(read("\x04\x81"), StatusIs(kInvalid)) << "no length";
  EXPECT_THAT(read(string_view("\x04\x80x\0\0", 5)), StatusIs(kInvalid)) << "no definite length";
  EXPECT_THAT(read("\x04\x84\x01\x01\x01\x01"), StatusIs(kInvalid)) << "too large";
}

}  // namespace
}  // namespace holkas
