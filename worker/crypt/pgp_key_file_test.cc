#include "worker/crypt/pgp_key_file.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "worker/crypt/testing/pgp_test_keys.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

void ExpectInvalid(absl::string_view file, absl::string_view why, absl::Time now = kNow) {
  const absl::Status status = ParsePgpRecipient(file, now).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(std::string(why))));
  EXPECT_EQ(ErrorReason(status), "INVALID_KEY");
}

TEST(ParsePgpRecipient, SubkeyForEncryptionIsFound) {
  ASSERT_OK_AND_ASSIGN(const PgpKey rsa, ParsePgpRecipient(kPgpRsaReader.public_key, kNow));
  EXPECT_EQ(rsa.algorithm, kPgpRsa);
  ASSERT_OK_AND_ASSIGN(const PgpKey curve, ParsePgpRecipient(kPgpCurveReader.public_key, kNow));
  EXPECT_EQ(curve.algorithm, kPgpEcdh);
}

TEST(ParsePgpRecipient, PrimaryKeyMayEncrypt) {
  EXPECT_OK(ParsePgpRecipient(kPgpLockedReader.public_key, kNow).status());
}

TEST(ParsePgpRecipient, KeysThatCannotEncryptAreInvalid) {
  ExpectInvalid(kPgpSigner, "cannot encrypt");
  ExpectInvalid(kPgpRevoked, "revoked");
  ExpectInvalid(kPgpExpired, "expired");
}

TEST(ParsePgpRecipient, KeyIsValidUntilItExpires) {
  const absl::Time end = absl::FromUnixSeconds(1'580'515'200);  // 2020-02-01
  EXPECT_OK(ParsePgpRecipient(kPgpExpired, end - absl::Hours(48)).status());
  ExpectInvalid(kPgpExpired, "expired", end + absl::Hours(48));
}

TEST(ParsePgpRecipient, OtherFilesAreInvalid) {
  ExpectInvalid("", "not one public key");
  ExpectInvalid("\xc6\x01x", "not one public key");
  ExpectInvalid(kPgpRsaReader.secret_key, "not one public key");
  ExpectInvalid(kPgpForRsa, "not one public key");
}

TEST(ParsePgpSecretKeys, ThoseThatDecryptAreFound) {
  EXPECT_EQ(ParsePgpSecretKeys(kPgpRsaReader.secret_key).size(), 2);
  EXPECT_EQ(ParsePgpSecretKeys(kPgpLockedReader.secret_key).size(), 1);
  EXPECT_EQ(ParsePgpSecretKeys(kPgpCurveReader.secret_key).size(), 1);
}

TEST(ParsePgpSecretKeys, PublicKeysAndOtherFilesHaveNone) {
  EXPECT_THAT(ParsePgpSecretKeys(kPgpRsaReader.public_key), IsEmpty());
  EXPECT_THAT(ParsePgpSecretKeys(kPgpForRsa), IsEmpty());
  EXPECT_THAT(ParsePgpSecretKeys("\xc5\xff"), IsEmpty());
}

TEST(ParsePgpSecretKeys, SecretKeyHasTheIdOfItsPublicOne) {
  for (const PgpTestKey& key : {kPgpLockedReader, kPgpCurveReader, kPgpNist256Reader}) {
    ASSERT_OK_AND_ASSIGN(const PgpKey recipient, ParsePgpRecipient(key.public_key, kNow));
    EXPECT_EQ(ParsePgpSecretKeys(key.secret_key).at(0).id(), recipient.id());
  }
}

}  // namespace
}  // namespace holkas
