#include "worker/crypt/pgp_key_file.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "worker/crypt/pgp_fields.h"
#include "worker/crypt/pgp_packets.h"
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

std::vector<PgpPacket> PacketsOf(const char* armored) {
  const absl::StatusOr<std::string> data = RemovePgpArmor(armored);
  return ReadPgpPackets(*data).value();
}

std::string FileOf(const std::vector<PgpPacket>& packets) {
  std::string file;
  for (const PgpPacket& packet : packets) {
    file += WritePgpPacket(packet.tag, packet.body);
  }
  return file;
}

std::vector<PgpPacket>::iterator FindSubkey(std::vector<PgpPacket>& packets) {
  return std::find_if(packets.begin(), packets.end(),
                      [](const PgpPacket& packet) { return packet.tag == kPgpPublicSubkey; });
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

// A subkey of RSA with a modulus of 1016 bits.
PgpPacket ShortSubkey() {
  return {kPgpPublicSubkey, absl::StrCat(WritePgpNumber(4, 1), WritePgpNumber(1'700'000'000, 4),
                                         WritePgpNumber(kPgpRsa, 1),
                                         WritePgpMpi(std::string(127, 'n')), WritePgpMpi("\x03"))};
}

// By the reader with RSA, of the subkey before it.
PgpPacket Revocation() {
  const absl::StatusOr<PgpKey> primary =
      ParsePgpKey(PacketsOf(kPgpRsaReader.public_key)[0].body, /*has_secret=*/false);
  return {kPgpSignature,
          absl::StrCat("\x04\x28\x01\x08", WritePgpNumber(10, 2), WritePgpNumber(9, 1),
                       WritePgpNumber(16, 1), primary->id(), WritePgpNumber(0, 2), "signature")};
}

TEST(ParsePgpRecipient, MalformedSubkeyIsLeftOut) {
  std::vector<PgpPacket> packets = PacketsOf(kPgpRsaReader.public_key);
  ASSERT_OK_AND_ASSIGN(const PgpKey good, ParsePgpRecipient(FileOf(packets), kNow));
  const auto subkey = FindSubkey(packets);
  const std::vector<PgpPacket> bad = {ShortSubkey(), *(subkey + 1)};
  packets.insert(subkey, bad.begin(), bad.end());
  ASSERT_OK_AND_ASSIGN(const PgpKey before, ParsePgpRecipient(FileOf(packets), kNow));
  EXPECT_EQ(before.id(), good.id());
  packets.insert(packets.end(), bad.begin(), bad.end());
  ASSERT_OK_AND_ASSIGN(const PgpKey around, ParsePgpRecipient(FileOf(packets), kNow));
  EXPECT_EQ(around.id(), good.id());
}

TEST(ParsePgpRecipient, SignaturesOfAMalformedSubkeyAreAboutNoOther) {
  std::vector<PgpPacket> packets = PacketsOf(kPgpRsaReader.public_key);
  packets.push_back(ShortSubkey());
  packets.push_back(Revocation());
  EXPECT_OK(ParsePgpRecipient(FileOf(packets), kNow).status());
  packets.erase(packets.end() - 2);
  ExpectInvalid(FileOf(packets), "revoked");
}

TEST(ParsePgpRecipient, MalformedSubkeyAloneIsInvalid) {
  std::vector<PgpPacket> packets = PacketsOf(kPgpRsaReader.public_key);
  *FindSubkey(packets) = ShortSubkey();
  ExpectInvalid(FileOf(packets), "a subkey was left out: OpenPGP key: too short for RSA");
}

TEST(ParsePgpRecipient, MalformedPrimaryKeyIsInvalid) {
  std::vector<PgpPacket> packets = PacketsOf(kPgpRsaReader.public_key);
  packets[0].body = ShortSubkey().body;
  ExpectInvalid(FileOf(packets), "not one public key: OpenPGP key: too short for RSA");
}

TEST(ParsePgpRecipient, OtherFilesAreInvalid) {
  ExpectInvalid("", "not one public key");
  ExpectInvalid("\xc6\x01x", "not one public key");
  ExpectInvalid(kPgpRsaReader.secret_key, "not one public key: it has none, or several");
  ExpectInvalid(kPgpForRsa, "not one public key");
}

TEST(ParsePgpSecretKeys, ThoseThatDecryptAreFound) {
  EXPECT_EQ(ParsePgpSecretKeys(kPgpRsaReader.secret_key).size(), 2);
  EXPECT_EQ(ParsePgpSecretKeys(kPgpLockedReader.secret_key).size(), 1);
  EXPECT_EQ(ParsePgpSecretKeys(kPgpCurveReader.secret_key).size(), 1);
}

TEST(ParsePgpSecretKeys, MalformedSubkeyIsLeftOut) {
  std::vector<PgpPacket> packets = PacketsOf(kPgpRsaReader.secret_key);
  packets.insert(packets.begin() + 1, {kPgpSecretSubkey, ShortSubkey().body});
  EXPECT_EQ(ParsePgpSecretKeys(FileOf(packets)).size(), 2);
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
