#include "worker/crypt/pgp_packets.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

std::string Of(std::initializer_list<int> bytes) { return std::string(bytes.begin(), bytes.end()); }

TEST(PgpPackets, WhatIsWrittenIsRead) {
  for (const size_t size : {0, 191, 192, 8383, 8384, 70000}) {
    const std::string body(size, 'x');
    ASSERT_OK_AND_ASSIGN(const std::vector<PgpPacket> packets,
                         ReadPgpPackets(absl::StrCat(WritePgpPacket(kPgpLiteral, body),
                                                     WritePgpPacket(kPgpMarker, "PGP"))));
    ASSERT_EQ(packets.size(), 2);
    EXPECT_EQ(packets[0].tag, kPgpLiteral);
    EXPECT_EQ(packets[0].body, body);
    EXPECT_EQ(packets[1].tag, kPgpMarker);
  }
}

TEST(PgpPackets, OldFormatHasItsOwnLengths) {
  for (const std::string& head :
       {Of({0xac, 3}), Of({0xad, 0, 3}), Of({0xae, 0, 0, 0, 3}), Of({0xaf})}) {
    ASSERT_OK_AND_ASSIGN(const std::vector<PgpPacket> packets, ReadPgpPackets(head + "abc"));
    EXPECT_EQ(packets[0].tag, kPgpLiteral);
    EXPECT_EQ(packets[0].body, "abc");
  }
}

TEST(PgpPackets, PartsArePutTogether) {
  ASSERT_OK_AND_ASSIGN(
      const std::vector<PgpPacket> packets,
      ReadPgpPackets(absl::StrCat(Of({0xcb, 0xe1}), "ab", Of({0xe0}), "c", Of({1}), "d")));
  ASSERT_EQ(packets.size(), 1);
  EXPECT_EQ(packets[0].body, "abcd");
}

TEST(PgpPackets, KeysDoNotComeInParts) {
  EXPECT_THAT(ReadPgpPackets(absl::StrCat(Of({0xc6, 0xe1}), "ab", Of({0}))),
              StatusIs(kInvalid, HasSubstr("in parts")));
  EXPECT_THAT(ReadPgpPackets(absl::StrCat(Of({0x9b}), "ab")),
              StatusIs(kInvalid, HasSubstr("no length")));
}

TEST(PgpPackets, WhatIsCutOffIsRefused) {
  const std::string whole = WritePgpPacket(kPgpLiteral, std::string(200, 'x'));
  for (size_t size = 1; size < whole.size(); ++size) {
    EXPECT_THAT(ReadPgpPackets(whole.substr(0, size)), StatusIs(kInvalid));
  }
  EXPECT_THAT(ReadPgpPackets("text"), StatusIs(kInvalid));
  EXPECT_THAT(ReadPgpPackets(Of({0xcb, 0xff, 0xff, 0xff, 0xff, 0xff})), StatusIs(kInvalid));
}

TEST(PgpPackets, TooManyAreRefused) {
  std::string packets;
  for (size_t i = 0; i < kMaxPgpPackets; ++i) {
    packets += WritePgpPacket(kPgpMarker, "");
  }
  EXPECT_OK(ReadPgpPackets(packets));
  EXPECT_THAT(ReadPgpPackets(packets + WritePgpPacket(kPgpMarker, "")),
              StatusIs(kInvalid, HasSubstr("too many")));
}

TEST(PgpArmor, IsRemoved) {
  EXPECT_THAT(RemovePgpArmor("by hand\n-----BEGIN PGP MESSAGE-----\r\nComment: x\r\n\r\nYWJj\r\n"
                             "ZGU=\r\n=abcd\r\n-----END PGP MESSAGE-----\r\n"),
              IsOkAndHolds("abcde"));
  EXPECT_THAT(RemovePgpArmor("\xc6\x01x"), IsOkAndHolds("\xc6\x01x"));
}

TEST(PgpArmor, WithoutAnEndIsRefused) {
  EXPECT_THAT(RemovePgpArmor("-----BEGIN PGP MESSAGE-----\n\nYWJj\n"), StatusIs(kInvalid));
  EXPECT_THAT(RemovePgpArmor("-----BEGIN PGP MESSAGE-----\n\nY!Jj\n-----END PGP MESSAGE-----"),
              StatusIs(kInvalid));
}

TEST(IsPgp, TellsItFromOtherFiles) {
  for (const int tag : {kPgpSecretKey, kPgpPublicKey, kPgpSecretSubkey, kPgpPublicSubkey}) {
    EXPECT_TRUE(IsPgp(WritePgpPacket(tag, "")));
    EXPECT_TRUE(IsPgp(Of({0x80 | tag << 2, 0})));
  }
  EXPECT_TRUE(IsPgp("-----BEGIN PGP PRIVATE KEY BLOCK-----"));
  EXPECT_FALSE(IsPgp(WritePgpPacket(kPgpLiteral, "")));
  EXPECT_FALSE(IsPgp("\xef\xbb\xbf{\"kty\": \"RSA\"}"));
  EXPECT_FALSE(IsPgp("-----BEGIN PRIVATE KEY-----"));
  EXPECT_FALSE(IsPgp("{\"kty\": \"RSA\"}"));
  EXPECT_FALSE(IsPgp("\x30\x82"));
  EXPECT_FALSE(IsPgp(""));
}

}  // namespace
}  // namespace holkas
