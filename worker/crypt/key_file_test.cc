#include "worker/crypt/key_file.h"

#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "worker/crypt/jwk.h"
#include "worker/crypt/testing/test_keys.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

class KeyFile : public ::testing::TestWithParam<const char*> {
 protected:
  KeyFile() : key_(GetParam()[0] == 'R' ? NewRsaKey() : NewEcKey(GetParam())) {}

  bool IsSame(const absl::StatusOr<UniquePkey>& other) const {
    return other.ok() && *other != nullptr && EVP_PKEY_eq(key_.get(), other->get()) == 1;
  }

  const UniquePkey key_;
};

TEST_P(KeyFile, PublicKeysInPemAndDer) {
  EXPECT_TRUE(IsSame(ParsePublicKey(PublicPem(key_.get()))));
  EXPECT_TRUE(IsSame(ParsePublicKey(PublicDer(key_.get()))));
}

TEST_P(KeyFile, PrivateKeysInPemAndDer) {
  EXPECT_TRUE(IsSame(ParsePrivateKey(PrivatePem(key_.get()), "")));
  EXPECT_TRUE(IsSame(ParsePrivateKey(TraditionalPem(key_.get()), "")));
  EXPECT_TRUE(IsSame(ParsePrivateKey(PrivateDer(key_.get()), "")));
  EXPECT_TRUE(IsSame(ParsePrivateKey(PrivatePem(key_.get()), "needless")));
}

TEST_P(KeyFile, EncryptedPrivateKeysWithTheirPassword) {
  for (const std::string& pem :
       {PrivatePem(key_.get(), "secret"), TraditionalPem(key_.get(), "secret")}) {
    EXPECT_TRUE(IsSame(ParsePrivateKey(pem, "secret")));
    const absl::Status missing = ParsePrivateKey(pem, "").status();
    EXPECT_THAT(missing, StatusIs(kInvalid, "Missing password for encrypted private key"));
    EXPECT_EQ(ErrorReason(missing), "PASSWORD_MISSING");
    EXPECT_THAT(ParsePrivateKey(pem, "wrong"), StatusIs(kInvalid, HasSubstr("Wrong password")));
  }
}

TEST_P(KeyFile, WhatIsSomethingElseIsNoPrivateKey) {
  for (const std::string& file : {PublicPem(key_.get()), CertificatePem(key_.get()), std::string(),
                                  std::string("{}"), std::string(100000, 'x')}) {
    const absl::StatusOr<UniquePkey> key = ParsePrivateKey(file, "");
    ASSERT_OK(key.status());
    EXPECT_EQ(*key, nullptr);
  }
}

INSTANTIATE_TEST_SUITE_P(All, KeyFile,
                         ::testing::Values("RSA", "prime256v1", "secp384r1", "secp521r1"));

TEST(PublicKeyFile, JsonWebKey) {
  const UniquePkey key = NewEcKey("secp384r1");
  ASSERT_OK_AND_ASSIGN(const JsonValue jwk, WriteEcJwk(key.get()));
  ASSERT_OK_AND_ASSIGN(const UniquePkey read, ParsePublicKey(" " + jwk.Write() + "\n"));
  EXPECT_EQ(EVP_PKEY_eq(key.get(), read.get()), 1);
}

TEST(PublicKeyFile, OthersAreRefusedInSkopeosWords) {
  const UniquePkey key = NewRsaKey();
  for (const std::string& file :
       {CertificatePem(key.get()), PrivatePem(key.get()), PublicPem(NewEcKey("secp256k1").get()),
        std::string("{}"), std::string(), std::string(100000, 'x')}) {
    EXPECT_THAT(ParsePublicKey(file), StatusIs(kInvalid, "File provided is not a public key"));
  }
}

TEST(RsaCertificate, InPemWithItsKey) {
  const UniquePkey key = NewRsaKey();
  ASSERT_OK_AND_ASSIGN(const UniqueCertificate certificate,
                       ParseRsaCertificate(CertificatePem(key.get())));
  EXPECT_EQ(EVP_PKEY_eq(X509_get0_pubkey(certificate.get()), key.get()), 1);
}

TEST(RsaCertificate, OthersAreRefusedInSkopeosWords) {
  EXPECT_THAT(ParseRsaCertificate(PublicPem(NewRsaKey().get())),
              StatusIs(kInvalid, "File provided is not an x509 cert"));
  EXPECT_THAT(ParseRsaCertificate(""), StatusIs(kInvalid, "File provided is not an x509 cert"));
  EXPECT_THAT(ParseRsaCertificate(CertificatePem(NewEcKey("prime256v1").get())),
              StatusIs(kInvalid, HasSubstr("only supports RSA")));
}

}  // namespace
}  // namespace holkas
