#include "worker/crypt/ecdh.h"

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"
#include "worker/crypt/jwk.h"
#include "worker/crypt/strict_base64.h"
#include "worker/crypt/testing/test_keys.h"
#include "worker/image/strict_json.h"

namespace holkas {
namespace {

UniquePkey Jwk(absl::string_view json) { return *ParseJwk(*ParseStrictJson(json)); }

// RFC 7518, appendix C.
TEST(Ecdh, KeysAreThoseOfTheExample) {
  const UniquePkey alice =
      Jwk(R"({"kty":"EC","crv":"P-256","x":"gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0",)"
          R"("y":"SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps",)"
          R"("d":"0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo"})");
  const UniquePkey bob =
      Jwk(R"({"kty":"EC","crv":"P-256","x":"weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ",)"
          R"("y":"e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck",)"
          R"("d":"VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw"})");
  ASSERT_OK_AND_ASSIGN(const std::string secret, AgreeOnSecret(alice.get(), bob.get()));
  EXPECT_THAT(AgreeOnSecret(bob.get(), alice.get()), IsOkAndHolds(secret));
  EXPECT_EQ(EncodeBase64Url(ConcatKdf(secret, "A128GCM", "Alice", "Bob", 16)),
            "VqqN6vgjbSBcIijNcacQGg");
}

TEST(Ecdh, SecretsAreAsLongAsTheField) {
  for (const auto& [curve, size] :
       {std::pair{"prime256v1", 32u}, {"secp384r1", 48u}, {"secp521r1", 66u}}) {
    const UniquePkey own = NewEcKey(curve);
    EXPECT_TRUE(IsOnNistCurve(own.get()));
    ASSERT_OK_AND_ASSIGN(const UniquePkey ephemeral, NewEphemeralKey(own.get()));
    ASSERT_OK_AND_ASSIGN(const std::string secret, AgreeOnSecret(ephemeral.get(), own.get()));
    EXPECT_EQ(secret.size(), size);
  }
}

TEST(Ecdh, KeysOfOtherCurvesDoNotGoTogether) {
  const UniquePkey a = NewEcKey("prime256v1");
  const UniquePkey b = NewEcKey("secp384r1");
  EXPECT_THAT(AgreeOnSecret(a.get(), b.get()), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_FALSE(IsOnNistCurve(NewEcKey("secp256k1").get()));
  EXPECT_FALSE(IsOnNistCurve(NewRsaKey().get()));
}

// RFC 3394, section 4.6.
TEST(AesWrap, IsWhatItsSpecificationSays) {
  const std::string kek =
      absl::HexStringToBytes("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
  const std::string key =
      absl::HexStringToBytes("00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f");
  const std::string wrapped = absl::HexStringToBytes(
      "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21");
  EXPECT_THAT(AesWrap(kek, key), IsOkAndHolds(wrapped));
  EXPECT_THAT(AesUnwrap(kek, wrapped), IsOkAndHolds(key));
}

TEST(AesWrap, WhatIsNotForTheKeyIsRefused) {
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  const std::string kek(32, 'k');
  ASSERT_OK_AND_ASSIGN(std::string wrapped, AesWrap(kek, std::string(32, 'x')));
  EXPECT_THAT(AesUnwrap(std::string(32, 'o'), wrapped), StatusIs(kInvalid));
  EXPECT_THAT(AesUnwrap("short", wrapped), StatusIs(kInvalid));
  EXPECT_THAT(AesUnwrap(kek, ""), StatusIs(kInvalid));
  EXPECT_THAT(AesUnwrap(kek, wrapped.substr(0, 8)), StatusIs(kInvalid));
  EXPECT_THAT(AesUnwrap(kek, wrapped.substr(1)), StatusIs(kInvalid));
  EXPECT_THAT(AesUnwrap(kek, wrapped + wrapped), StatusIs(kInvalid));
}

}  // namespace
}  // namespace holkas
