#include "worker/crypt/pgp_message.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "worker/crypt/pgp_key_file.h"
#include "worker/crypt/pgp_packets.h"
#include "worker/crypt/testing/pgp_test_keys.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr char kPassword[] = "secret";

std::vector<PgpDecryptionKey> Secrets(const PgpTestKey& key,
                                      const std::string& password = kPassword) {
  std::vector<PgpDecryptionKey> secrets;
  for (PgpKey& secret : ParsePgpSecretKeys(key.secret_key)) {
    secrets.push_back({std::move(secret), password});
  }
  return secrets;
}

std::string EncryptFor(const std::vector<PgpTestKey>& keys) {
  std::vector<PgpKey> recipients;
  for (const PgpTestKey& key : keys) {
    recipients.push_back(*ParsePgpRecipient(key.public_key, absl::FromUnixSeconds(1'800'000'000)));
  }
  return *EncryptPgp(kPgpText, recipients);
}

absl::StatusOr<std::string> Decrypt(const char* armored, const PgpTestKey& key,
                                    const std::string& password = kPassword) {
  return DecryptPgp(*RemovePgpArmor(armored), Secrets(key, password));
}

TEST(PgpMessage, EachRecipientReadsIt) {
  const std::vector<PgpTestKey> all = {kPgpRsaReader,     kPgpLockedReader,  kPgpCurveReader,
                                       kPgpNist256Reader, kPgpNist384Reader, kPgpNist521Reader};
  const std::string message = EncryptFor(all);
  for (const PgpTestKey& key : all) {
    EXPECT_THAT(DecryptPgp(message, Secrets(key)), IsOkAndHolds(kPgpText));
  }
}

TEST(PgpMessage, NobodyElseReadsIt) {
  const std::string message = EncryptFor({kPgpRsaReader, kPgpNist256Reader});
  for (const PgpTestKey& key : {kPgpLockedReader, kPgpCurveReader, kPgpNist384Reader}) {
    const absl::Status status = DecryptPgp(message, Secrets(key)).status();
    EXPECT_THAT(status, StatusIs(kInvalid, HasSubstr("not for this key")));
    EXPECT_EQ(ErrorReason(status), "");
  }
  EXPECT_THAT(DecryptPgp(message, {}), StatusIs(kInvalid));
}

TEST(PgpMessage, WhatGnupgEncryptsIsRead) {
  EXPECT_THAT(Decrypt(kPgpForRsa, kPgpRsaReader), IsOkAndHolds(kPgpText));
  EXPECT_THAT(Decrypt(kPgpForLocked, kPgpLockedReader), IsOkAndHolds(kPgpText));
  EXPECT_THAT(Decrypt(kPgpForCurve, kPgpCurveReader), IsOkAndHolds(kPgpText));
  EXPECT_THAT(Decrypt(kPgpForNist256, kPgpNist256Reader), IsOkAndHolds(kPgpText));
}

TEST(PgpMessage, RecipientsNeedNotBeNamed) {
  EXPECT_THAT(Decrypt(kPgpForHidden, kPgpRsaReader), IsOkAndHolds(kPgpText));
  EXPECT_THAT(Decrypt(kPgpForHidden, kPgpCurveReader), IsOkAndHolds(kPgpText));
  EXPECT_THAT(Decrypt(kPgpForHidden, kPgpNist256Reader), StatusIs(kInvalid));
}

TEST(PgpMessage, WithoutProtectionItIsRefused) {
  EXPECT_THAT(Decrypt(kPgpUnprotectedMessage, kPgpRsaReader), StatusIs(kInvalid));
}

TEST(PgpMessage, PasswordsAreAskedForWhereTheKeyFits) {
  EXPECT_EQ(ErrorReason(Decrypt(kPgpForLocked, kPgpLockedReader, "").status()), "PASSWORD_MISSING");
  EXPECT_EQ(ErrorReason(Decrypt(kPgpForLocked, kPgpLockedReader, "wrong").status()),
            "PASSWORD_WRONG");
  EXPECT_EQ(ErrorReason(Decrypt(kPgpForRsa, kPgpLockedReader, "").status()), "");
}

TEST(PgpMessage, KeyThatDoesNotOpenLeavesTheOthers) {
  std::vector<PgpDecryptionKey> keys = Secrets(kPgpLockedReader, "wrong");
  for (PgpDecryptionKey& key : Secrets(kPgpRsaReader)) {
    keys.push_back(std::move(key));
  }
  EXPECT_THAT(DecryptPgp(EncryptFor({kPgpLockedReader, kPgpRsaReader}), keys),
              IsOkAndHolds(kPgpText));
}

TEST(PgpMessage, EveryTruncationIsRefused) {
  const std::vector<PgpDecryptionKey> keys = Secrets(kPgpCurveReader);
  const std::string message = EncryptFor({kPgpCurveReader});
  for (size_t size = 0; size < message.size(); ++size) {
    EXPECT_THAT(DecryptPgp(message.substr(0, size), keys), StatusIs(kInvalid));
  }
  EXPECT_THAT(DecryptPgp(message + "x", keys), StatusIs(kInvalid));
}

// But for the number of bits of the point, of which the number of bytes is what counts.
TEST(PgpMessage, EveryOtherByteIsRefused) {
  const std::vector<PgpDecryptionKey> keys = Secrets(kPgpCurveReader);
  const std::string message = EncryptFor({kPgpCurveReader});
  constexpr size_t kNumberOfBits = 13;
  for (size_t i = 0; i < message.size(); ++i) {
    if (i == kNumberOfBits) {
      continue;
    }
    std::string changed = message;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_THAT(DecryptPgp(changed, keys), StatusIs(kInvalid)) << i;
  }
}

TEST(PgpMessage, TooManyRecipientsAreRefused) {
  const std::string message = EncryptFor({kPgpCurveReader});
  std::string recipients;
  const std::string nobody = WritePgpPacket(kPgpSessionKey,
                                            "\x03"
                                            "12345678");
  for (size_t i = 0; i < kMaxPgpRecipients; ++i) {
    recipients += nobody;
  }
  EXPECT_THAT(DecryptPgp(nobody + message, Secrets(kPgpCurveReader)), IsOkAndHolds(kPgpText));
  EXPECT_THAT(DecryptPgp(recipients + message, Secrets(kPgpCurveReader)), StatusIs(kInvalid));
}

TEST(PgpOpener, KeyIsUnlockedOnce) {
  std::vector<PgpDecryptionKey> keys = Secrets(kPgpLockedReader);
  PgpOpener opener(keys);
  const std::string message = EncryptFor({kPgpLockedReader});
  EXPECT_THAT(opener.Open(message), IsOkAndHolds(kPgpText));
  keys.at(0).password = "wrong";
  EXPECT_THAT(opener.Open(message), IsOkAndHolds(kPgpText));
  EXPECT_EQ(ErrorReason(DecryptPgp(message, keys).status()), "PASSWORD_WRONG");
}

TEST(PgpOpener, KeyThatDoesNotOpenIsNotTriedAgain) {
  std::vector<PgpDecryptionKey> keys = Secrets(kPgpLockedReader, "wrong");
  PgpOpener opener(keys);
  const std::string message = EncryptFor({kPgpLockedReader});
  EXPECT_EQ(ErrorReason(opener.Open(message).status()), "PASSWORD_WRONG");
  keys.at(0).password = kPassword;
  EXPECT_EQ(ErrorReason(opener.Open(message).status()), "PASSWORD_WRONG");
  EXPECT_EQ(ErrorReason(opener.Open(EncryptFor({kPgpRsaReader})).status()), "");
}

TEST(PgpOpener, MessagesShareTheAttempts) {
  const std::string message = EncryptFor({kPgpCurveReader});
  const std::vector<PgpDecryptionKey> keys = Secrets(kPgpCurveReader);
  PgpOpener opener(keys);
  for (size_t i = 0; i < kMaxPgpRecipients; ++i) {
    EXPECT_THAT(opener.Open(message), IsOkAndHolds(kPgpText));
  }
  EXPECT_THAT(opener.Open(message), StatusIs(kInvalid, HasSubstr("not for this key")));
}

TEST(PgpMessage, BombsAreNotInflated) {
  EXPECT_THAT(Decrypt(kPgpBomb, kPgpCurveReader), StatusIs(kInvalid));
}

}  // namespace
}  // namespace holkas
