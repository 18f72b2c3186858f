#include "worker/crypt/pgp_key.h"

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
constexpr uint32_t kEddsa = 22;

std::string KeyOf(uint32_t algorithm, const std::string& numbers) {
  return absl::StrCat(WritePgpNumber(4, 1), WritePgpNumber(1000, 4), WritePgpNumber(algorithm, 1),
                      numbers);
}

TEST(PgpKey, KeyThatOnlySignsHasNoNumbers) {
  ASSERT_OK_AND_ASSIGN(const PgpKey key, ParsePgpKey(KeyOf(kEddsa, "numbers"), false));
  EXPECT_EQ(key.public_key, nullptr);
  EXPECT_EQ(key.created, 1000);
  EXPECT_EQ(key.id().size(), PgpKey::kIdBytes);
}

// Where its public part ends is not known.
TEST(PgpKey, SecretKeyThatOnlySignsHasNoId) {
  ASSERT_OK_AND_ASSIGN(const PgpKey key, ParsePgpKey(KeyOf(kEddsa, "numbers"), true));
  EXPECT_EQ(key.fingerprint, "");
  EXPECT_EQ(key.id(), "");
}

TEST(PgpKey, MalformedOnesAreRefused) {
  EXPECT_THAT(ParsePgpKey("", false), StatusIs(kInvalid));
  EXPECT_THAT(ParsePgpKey("\x03" + KeyOf(kEddsa, "").substr(1), false), StatusIs(kInvalid));
  EXPECT_THAT(
      ParsePgpKey(KeyOf(kPgpRsa, WritePgpMpi(std::string(127, 'n')) + WritePgpMpi("\x03")), false),
      StatusIs(kInvalid, ::testing::HasSubstr("too short for RSA")));
}

}  // namespace
}  // namespace holkas
