#include "worker/crypt/pgp_signature.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"
#include "worker/crypt/pgp_fields.h"

namespace holkas {
namespace {

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

std::string Subpacket(int kind, const std::string& data) {
  return absl::StrCat(WritePgpNumber(static_cast<uint32_t>(data.size() + 1), 1),
                      WritePgpNumber(static_cast<uint32_t>(kind), 1), data);
}

std::string Area(const std::string& subpackets) {
  return absl::StrCat(WritePgpNumber(static_cast<uint32_t>(subpackets.size()), 2), subpackets);
}

// A binding of a subkey.
std::string Signature(const std::string& hashed, const std::string& unhashed) {
  return absl::StrCat("\x04\x18\x01\x08", Area(hashed), Area(unhashed), "signature");
}

TEST(PgpSignature, TellsWhatTheKeyIsFor) {
  ASSERT_OK_AND_ASSIGN(
      const PgpSignature signature,
      ParsePgpSignature(Signature(absl::StrCat(Subpacket(2, WritePgpNumber(1000, 4)),
                                               Subpacket(0x80 | 9, WritePgpNumber(500, 4)),
                                               Subpacket(27, "\x02"), Subpacket(100, "unknown")),
                                  Subpacket(16, "its maker"))));
  EXPECT_EQ(signature.kind, 0x18);
  EXPECT_EQ(signature.created, 1000);
  EXPECT_EQ(signature.key_lifetime_seconds, 500);
  EXPECT_FALSE(signature.may_encrypt);
  EXPECT_EQ(signature.issuer, "its maker");
}

TEST(PgpSignature, WhatIsNotSignedSaysNothingOfTheKey) {
  ASSERT_OK_AND_ASSIGN(
      const PgpSignature signature,
      ParsePgpSignature(
          Signature(Subpacket(27, "\x02"),
                    absl::StrCat(Subpacket(27, "\x0c"), Subpacket(9, WritePgpNumber(500, 4))))));
  EXPECT_FALSE(signature.may_encrypt);
  EXPECT_EQ(signature.key_lifetime_seconds, 0);
}

TEST(PgpSignature, IssuerIsTheEndOfItsFingerprint) {
  ASSERT_OK_AND_ASSIGN(const PgpSignature signature,
                       ParsePgpSignature(Signature(Subpacket(33,
                                                             "\x04"
                                                             "the first twelve8bytesID"),
                                                   "")));
  EXPECT_EQ(signature.issuer, "8bytesID");
}

TEST(PgpSignature, IssuerThatIsSignedCounts) {
  ASSERT_OK_AND_ASSIGN(
      const PgpSignature signature,
      ParsePgpSignature(Signature(
          Subpacket(16, "signed"),
          absl::StrCat(Subpacket(16, "unsigned"), Subpacket(33, "a fingerprint, unsigned")))));
  EXPECT_EQ(signature.issuer, "signed");
}

TEST(PgpSignature, MalformedOnesAreRefused) {
  const std::string whole = Signature(Subpacket(27, "\x02"), "");
  EXPECT_THAT(ParsePgpSignature(whole.substr(0, 9)), StatusIs(kInvalid));
  EXPECT_THAT(ParsePgpSignature("\x03" + whole.substr(1)), StatusIs(kInvalid));
  EXPECT_THAT(ParsePgpSignature(Signature(Subpacket(2, "\x01"), "")), StatusIs(kInvalid));
  EXPECT_THAT(ParsePgpSignature(Signature("\x05\x02", "")), StatusIs(kInvalid));
  EXPECT_THAT(ParsePgpSignature(""), StatusIs(kInvalid));
}

}  // namespace
}  // namespace holkas
