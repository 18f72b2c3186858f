#include "worker/image/schema1_signature.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/digest.h"
#include "proto/wire/manifest_digest.h"
#include "proto/wire/status_matchers.h"
#include "worker/image/json_value.h"
#include "worker/image/media_types.h"
#include "worker/image/strict_json.h"

namespace holkas {
namespace {

using ::testing::MatchesRegex;

std::string Payload() {
  return absl::StrCat(R"({"name":"n","tag":"","architecture":"","fsLayers":[{"blobSum":"sha256:)",
                      std::string(64, '1'), R"("}],"history":[{"v1Compatibility":"{\"id\":\")",
                      std::string(64, '2'), R"(\"}"}],"schemaVersion":1})");
}

const absl::Time kNow = absl::FromUnixSeconds(1'000'000'000);

// The only signature of the manifest.
JsonValue SignatureOf(const Manifest& manifest) {
  const JsonValue root = *ParseStrictJson(manifest.bytes());
  return root.Find("signatures")->array()->front();
}

std::string Text(const JsonValue& object, absl::string_view key) {
  return *object.Find(key)->string();
}

std::string Decoded(const JsonValue& object, absl::string_view key) {
  std::string bytes;
  EXPECT_TRUE(absl::WebSafeBase64Unescape(Text(object, key), &bytes));
  return bytes;
}

BIGNUM* NumberOf(const std::string& bytes) {
  return BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes.data()),
                   static_cast<int>(bytes.size()), nullptr);
}

// Whether the signature (RFC 7515, section 5.2, with ES256) is one of the text by the key.
bool Verifies(const JsonValue& jwk, const std::string& signature, const std::string& text) {
  const std::string point = "\x04" + Decoded(jwk, "x") + Decoded(jwk, "y");
  OSSL_PARAM_BLD* builder = OSSL_PARAM_BLD_new();
  OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0);
  OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size());
  OSSL_PARAM* params = OSSL_PARAM_BLD_to_param(builder);
  EVP_PKEY_CTX* from_data = EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr);
  EVP_PKEY* key = nullptr;
  EXPECT_EQ(EVP_PKEY_fromdata_init(from_data), 1);
  EXPECT_EQ(EVP_PKEY_fromdata(from_data, &key, EVP_PKEY_PUBLIC_KEY, params), 1);

  ECDSA_SIG* numbers = ECDSA_SIG_new();
  ECDSA_SIG_set0(numbers, NumberOf(signature.substr(0, 32)), NumberOf(signature.substr(32)));
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(numbers, &der);
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  EVP_DigestVerifyInit(context, nullptr, EVP_sha256(), nullptr, key);
  const int result =
      EVP_DigestVerify(context, der, static_cast<size_t>(size),
                       reinterpret_cast<const unsigned char*>(text.data()), text.size());
  EVP_MD_CTX_free(context);
  OPENSSL_free(der);
  ECDSA_SIG_free(numbers);
  EVP_PKEY_free(key);
  EVP_PKEY_CTX_free(from_data);
  OSSL_PARAM_free(params);
  OSSL_PARAM_BLD_free(builder);
  return result == 1;
}

TEST(Schema1Signature, DigestIsThatOfThePayload) {
  ASSERT_OK_AND_ASSIGN(const Manifest manifest, SignSchema1(Payload(), kNow));
  EXPECT_EQ(manifest.media_type(), kDockerSchema1SignedType);
  EXPECT_TRUE(manifest.is_schema1());
  EXPECT_EQ(manifest.digest(), Digest::Sha256Of(Payload()));
  EXPECT_THAT(ManifestPayload(manifest.bytes()), IsOkAndHolds(Payload()));
}

TEST(Schema1Signature, HasLibtrustsForm) {
  ASSERT_OK_AND_ASSIGN(const Manifest manifest, SignSchema1(Payload(), kNow));
  const JsonValue signature = SignatureOf(manifest);
  EXPECT_EQ(Decoded(signature, "protected"),
            absl::StrCat(R"({"formatLength":)", Payload().size() - 1,
                         R"(,"formatTail":"fQ","time":"2001-09-09T01:46:40Z"})"));
  EXPECT_THAT(
      manifest.bytes().substr(Payload().size() - 1),
      MatchesRegex(R"(,"signatures":\[\{"header":\{"jwk":\{"crv":"P-256",)"
                   R"("kid":"([A-Z2-7]{4}:){11}[A-Z2-7]{4}","kty":"EC",)"
                   R"("x":"[-_A-Za-z0-9]{43}","y":"[-_A-Za-z0-9]{43}"\},"alg":"ES256"\},)"
                   R"("signature":"[-_A-Za-z0-9]{86}","protected":"[-_A-Za-z0-9]*"\}\]\})"));
}

// More than once, since numbers that begin with zeros are rare.
TEST(Schema1Signature, VerifiesWithTheKeyInIt) {
  for (int i = 0; i < 300; ++i) {
    ASSERT_OK_AND_ASSIGN(const Manifest manifest, SignSchema1(Payload(), kNow));
    const JsonValue signature = SignatureOf(manifest);
    std::string payload;
    absl::WebSafeBase64Escape(Payload(), &payload);
    const JsonValue& jwk = *signature.Find("header")->Find("jwk");
    const std::string text = absl::StrCat(Text(signature, "protected"), ".", payload);
    ASSERT_TRUE(Verifies(jwk, Decoded(signature, "signature"), text));
    ASSERT_FALSE(Verifies(jwk, Decoded(signature, "signature"), text + "x"));
  }
}

TEST(Schema1Signature, EveryKeyIsAnother) {
  ASSERT_OK_AND_ASSIGN(const Manifest one, SignSchema1(Payload(), kNow));
  ASSERT_OK_AND_ASSIGN(const Manifest two, SignSchema1(Payload(), kNow));
  EXPECT_NE(one.bytes(), two.bytes());
  EXPECT_EQ(one.digest(), two.digest());
}

}  // namespace
}  // namespace holkas
