#include "worker/crypt/pgp_fields.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

std::string Of(std::initializer_list<int> bytes) { return std::string(bytes.begin(), bytes.end()); }

TEST(PgpFields, NumbersAreBigEndian) {
  const std::string bytes = Of({1, 2, 0xff, 4, 5, 6, 7});
  PgpReader reader(bytes);
  EXPECT_THAT(reader.ReadNumber(1), IsOkAndHolds(1));
  EXPECT_THAT(reader.ReadNumber(2), IsOkAndHolds(0x2ff));
  EXPECT_THAT(reader.ReadNumber(4), IsOkAndHolds(0x4050607));
  EXPECT_THAT(reader.ReadNumber(1), StatusIs(kInvalid));
  EXPECT_EQ(WritePgpNumber(0x2ff, 2), Of({2, 0xff}));
}

TEST(PgpFields, IntegersHaveTheirLengthInBits) {
  EXPECT_EQ(WritePgpMpi(Of({1, 0xff})), Of({0, 9, 1, 0xff}));
  EXPECT_EQ(WritePgpMpi(Of({0, 0, 0x80})), Of({0, 8, 0x80}));
  EXPECT_EQ(WritePgpMpi(""), Of({0, 0}));
  const std::string integer = WritePgpMpi(Of({1, 0xff})) + "rest";
  PgpReader reader(integer);
  EXPECT_THAT(reader.ReadMpi(), IsOkAndHolds(Of({1, 0xff})));
  EXPECT_EQ(reader.rest(), "rest");
}

TEST(PgpFields, LeadingZerosOfIntegersAreLeftOut) {
  const std::string integer = Of({0, 16, 0, 7});
  EXPECT_THAT(PgpReader(integer).ReadMpi(), IsOkAndHolds(Of({7})));
}

TEST(PgpFields, IntegersThatAreTooLargeAreRefused) {
  const std::string largest(kMaxPgpMpiBits / 8, '\xff');
  const std::string integer = WritePgpMpi(largest);
  EXPECT_THAT(PgpReader(integer).ReadMpi(), IsOkAndHolds(largest));
  const std::string larger = absl::StrCat(WritePgpNumber(kMaxPgpMpiBits + 1, 2), largest, "\x01");
  EXPECT_THAT(PgpReader(larger).ReadMpi(), StatusIs(kInvalid));
}

TEST(WritePgpSum, WrapsAround) {
  EXPECT_EQ(WritePgpSum(""), std::string(2, '\0'));
  EXPECT_EQ(WritePgpSum("\xff\x02"), "\x01\x01");
  EXPECT_EQ(WritePgpSum(std::string(0x102, '\xff')), std::string("\x00\xfe", 2));
}

}  // namespace
}  // namespace holkas
