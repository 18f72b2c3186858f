#include "worker/crypt/jwe.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"
#include "worker/crypt/jwk.h"
#include "worker/crypt/strict_base64.h"
#include "worker/crypt/testing/test_keys.h"
#include "worker/image/json_value.h"
#include "worker/image/strict_json.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr char kMessage[] = "{\"symkey\":\"a layer's key\"}";

// RFC 7516, appendix A.1, with the header and the recipient as the flattened JSON has them.
constexpr char kRfcKey[] =
    R"({"kty":"RSA","n":"oahUIoWw0K0usKNuOR6H4wkf4oBUXHTxRvgb48E-BVvxkeDNjbC4he8rUWcJoZmds2h7M70i)"
    R"(mEVhRU5djINXtqllXI4DFqcI1DgjT9LewND8MW2Krf3Spsk_ZkoFnilakGygTwpZ3uesH-PFABNIUYpOiN15dsQRkgr0)"
    R"(vEhxN92i2asbOenSZeyaxziK72UwxrrKoExv6kc5twXTq4h-QChLOln0_mtUZwfsRaMStPs6mS6XrgxnxbWhojf663tu)"
    R"(EQueGC-FCMfra36C9knDFGzKsNa7LZK2djYgyD3JR_MB_4NUJW_TqOQtwHYbxevoJArm-L5StowjzGy-_bq6Gw",)"
    R"("e":"AQAB",)"
    R"("d":"kLdtIj6GbDks_ApCSTYQtelcNttlKiOyPzMrXHeI-yk1F7-kpDxY4-WY5NWV5KntaEeXS1j82E375xxhWMHXyvj)"
    R"(YecPT9fpwR_M9gV8n9Hrh2anTpTD93Dt62ypW3yDsJzBnTnrYu1iwWRgBKrEYY46qAZIrA2xAwnm2X7uGR1hghkqDp0V)"
    R"(qj3kbSCz1XyfCs6_LehBwtxHIyh8Ripy40p24moOAbgxVw3rxT_vlt3UVe4WO3JkJOzlpUf-KTVI2Ptgm-dARxTEtE-i)"
    R"(d-4OJr0h-K-VFs3VSndVTIznSxfyrj8ILL6MG_Uv8YAu7VILSB3lOW085-4qE3DzgrTjgyQ",)"
    R"("p":"1r52Xk46c-LsfB5P442p7atdPUrxQSy4mti_tZI3Mgf2EuFVbUoDBvaRQ-SWxkbkmoEzL7JXroSBjSrK3YIQgYd)"
    R"(MgyAEPTPjXv_hI2_1eTSPVZfzL0lffNn03IXqWF5MDFuoUYE0hzb2vhrlN_rKrbfDIwUbTrjjgieRbwC6Cl0",)"
    R"("q":"wLb35x7hmQWZsWJmB_vle87ihgZ19S8lBEROLIsZG4ayZVe9Hi9gDVCOBmUDdaDYVTSNx_8Fyw1YYa9XGrGnDew)"
    R"(00J28cRUoeBB_jKI1oma0Orv1T9aXIWxKwd4gvxFImOWr3QRL9KEBRzk2RatUBnmDZJTIAfwTs0g68UZHvtc",)"
    R"("dp":"ZK-YwE7diUh0qR1tR7w8WHtolDx3MZ_OTowiFvgfeQ3SiresXjm9gZ5KLhMXvo-uz-KUJWDxS5pFQ_M0evdo1d)"
    R"(KiRTjVw_x4NyqyXPM5nULPkcpU827rnpZzAJKpdhWAgqrXGKAECQH0Xt4taznjnd_zVpAmZZq60WPMBMfKcuE",)"
    R"("dq":"Dq0gfgJ1DdFGXiLvQEZnuKEN0UUmsJBxkjydc3j4ZYdBiMRAy86x0vHCjywcMlYYg4yoC4YZa9hNVcsjqA3Fei)"
    R"(L19rk8g6Qn29Tt0cj8qqyFpz9vNDBUfCAiJVeESOjJDZPYHdHY8v1b-o-Z2X5tvLx-TCekf7oxyeKDUqKWjis",)"
    R"("qi":"VIMpMYbPf47dT1w_zDUXfPimsSegnMOA1zTaX7aGk_8urY6R8-ZW1FxU7AlWAyLWybqq6t16VFd7hQd0y6flUK)"
    R"(4SlOydB61gwanOsXGOAOv82cHq0E3eL4HrtZkUuKvnPrMnsUUFlfUdybVzxyjz9JF_XyaY14ardLSjf4L_FNY"})";
constexpr char kRfcJwe[] =
    R"({"protected":"eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ",)"
    R"("encrypted_key":"OKOawDo13gRp2ojaHV7LFpZcgV7T6DVZKTyKOMTYUmKoTCVJRgckCL9kiMT03JGeipsEdY3mx_et)"
    R"(LbbWSrFr05kLzcSr4qKAq7YN7e9jwQRb23nfa6c9d-StnImGyFDbSv04uVuxIp5Zms1gNxKKK2Da14B8S4rzVRltdYwam)"
    R"(_lDp5XnZAYpQdb76FdIKLaVmqgfwX7XWRxv2322i-vDxRfqNzo_tETKzpVLzfiwQyeyPGLBIO56YJ7eObdv0je81860pp)"
    R"(amavo35UgoRdbYaBcoh9QcfylQr66oc6vFWXRcZ_ZT2LawVCWTIy3brGPi6UklfCpIMfIjf7iGdXKHzg",)"
    R"("iv":"48V1_ALb6US04U3b",)"
    R"("ciphertext":"5eym8TW_c8SuK0ltJ3rpYIzOeDQz7TALvtu6UG9oMo4vpzs9tX_EFShS8iB7j6jiSdiwkIr3ajwQzaBt)"
    R"(QD_A","tag":"XFBoMYUZodetZdvTiFvSkQ"})";

// RFC 7520, section 5.4.
constexpr char kCookbookKey[] =
    R"({"kty":"EC","kid":"peregrin.took@tuckborough.example","use":"enc","crv":"P-384",)"
    R"("x":"YU4rRUzdmVqmRtWOs2OpDE_T5fsNIodcG8G5FWPrTPMyxpzsSOGaQLpe2FpxBmu2",)"
    R"("y":"A8-yxCHxkfBz3hKZfI1jUYMjUhsEveZ9THuwFjH2sCNdtksRJU7D5-SkgaFL1ETP",)"
    R"("d":"iTx2pk7wW-GqJkHcEkFQb2EFyYcO7RugmaW3mRrQVAOUiPommT0IdnYK2xDlZh-j"})";
constexpr char kCookbookJwe[] =
    R"({"recipients":[{"encrypted_key":"0DJjBXri_kBcC46IkU5_Jk9BqaQeHdv2"}],)"
    R"("protected":"eyJhbGciOiJFQ0RILUVTK0ExMjhLVyIsImtpZCI6InBlcmVncmluLnRvb2tAdHVja2Jvcm91Z2guZXhh)"
    R"(bXBsZSIsImVwayI6eyJrdHkiOiJFQyIsImNydiI6IlAtMzg0IiwieCI6InVCbzRrSFB3Nmtiang1bDB4b3dyZF9vWXpCb)"
    R"(WF6LUdLRlp1NHhBRkZrYllpV2d1dEVLNml1RURzUTZ3TmROZzMiLCJ5Ijoic3AzcDVTR2haVkMyZmFYdW1JLWU5SlUyTW)"
    R"(84S3BvWXJGRHI1eVBOVnRXNFBnRXdaT3lRVEEtSmRhWTh0YjdFMCJ9LCJlbmMiOiJBMTI4R0NNIn0",)"
    R"("iv":"mH-G2zVqgztUtnW_",)"
    R"("ciphertext":"tkZuOO9h95OgHJmkkrfLBisku8rGf6nzVxhRM3sVOhXgz5NJ76oID7lpnAi_cPWJRCjSpAaUZ5dOR3Sp)"
    R"(y7QuEkmKx8-3RCMhSYMzsXaEwDdXta9Mn5B7cCBoJKB0IgEnj_qfo1hIi-uEkUpOZ8aLTZGHfpl05jMwbKkTe2yK3mjF6)"
    R"(SBAsgicQDVCkcY9BLluzx1RmC3ORXaM0JaHPB93YcdSDGgpgBWMVrNU1ErkjcMqMoT_wtCex3w03XdLkjXIuEr2hWgeP-)"
    R"(nkUZTPU9EoGSPj6fAS-bSz87RCPrxZdj_iVyC6QWcqAu07WNhjzJEPc4jVntRJ6K53NgPQ5p99l3Z408OUqj4ioYezbS6)"
    R"(vTPlQ","tag":"WuGzxmcreYjpHGJoa17EBg"})";

UniquePkey Jwk(absl::string_view json) { return *ParseJwk(*ParseStrictJson(json)); }

std::vector<UniquePkey> One(UniquePkey key) {
  std::vector<UniquePkey> keys;
  keys.push_back(std::move(key));
  return keys;
}

// A second owner of the key.
UniquePkey Share(const UniquePkey& key) {
  EVP_PKEY_up_ref(key.get());
  return UniquePkey(key.get());
}

TEST(Jwe, ExampleOfTheSpecificationIsRead) {
  EXPECT_THAT(DecryptJwe(kRfcJwe, Jwk(kRfcKey).get()),
              IsOkAndHolds("The true sign of intelligence is not knowledge but imagination."));
}

TEST(Jwe, ExampleOfKeyAgreementIsRead) {
  EXPECT_THAT(DecryptJwe(kCookbookJwe, Jwk(kCookbookKey).get()),
              IsOkAndHolds(HasSubstr("We are your friends, Frodo.")));
}

class JweFor : public ::testing::TestWithParam<const char*> {
 protected:
  JweFor()
      : key_(GetParam()[0] == 'R' ? NewRsaKey() : NewEcKey(GetParam())),
        jwe_(*EncryptJwe(kMessage, One(Share(key_)))) {}

  const UniquePkey key_;
  const std::string jwe_;
};

TEST_P(JweFor, ItsRecipientReadsIt) {
  EXPECT_THAT(DecryptJwe(jwe_, key_.get()), IsOkAndHolds(kMessage));
  EXPECT_THAT(jwe_, Not(HasSubstr("symkey")));
}

TEST_P(JweFor, NobodyElseReadsIt) {
  for (const char* curve : {"prime256v1", "secp384r1", "secp521r1"}) {
    EXPECT_THAT(DecryptJwe(jwe_, NewEcKey(curve).get()), StatusIs(kInvalid));
  }
  EXPECT_THAT(DecryptJwe(jwe_, NewRsaKey().get()), StatusIs(kInvalid));
}

TEST_P(JweFor, EveryTruncationIsRefused) {
  for (size_t size = 0; size < jwe_.size(); ++size) {
    EXPECT_THAT(DecryptJwe(jwe_.substr(0, size), key_.get()), StatusIs(kInvalid));
  }
}

TEST_P(JweFor, EveryOtherBitIsRefused) {
  for (size_t i = 0; i < jwe_.size() * 8; ++i) {
    std::string other = jwe_;
    other[i / 8] = static_cast<char>(other[i / 8] ^ (1 << (i % 8)));
    EXPECT_THAT(DecryptJwe(other, key_.get()), StatusIs(kInvalid)) << other;
  }
}

INSTANTIATE_TEST_SUITE_P(All, JweFor,
                         ::testing::Values("RSA", "prime256v1", "secp384r1", "secp521r1"));

TEST(Jwe, EachOfSeveralRecipientsReadsIt) {
  std::vector<UniquePkey> keys;
  keys.push_back(NewRsaKey());
  keys.push_back(NewEcKey("prime256v1"));
  keys.push_back(NewEcKey("secp521r1"));
  ASSERT_OK_AND_ASSIGN(const std::string jwe, EncryptJwe(kMessage, keys));
  for (const UniquePkey& key : keys) {
    EXPECT_THAT(DecryptJwe(jwe, key.get()), IsOkAndHolds(kMessage));
  }
  EXPECT_THAT(DecryptJwe(jwe, NewRsaKey().get()), StatusIs(kInvalid));
}

TEST(Jwe, TwoOfOneMessageDiffer) {
  const UniquePkey key = NewEcKey("prime256v1");
  EXPECT_NE(*EncryptJwe(kMessage, One(Share(key))), *EncryptJwe(kMessage, One(Share(key))));
}

// One for the key whose protected header is another: only what is checked before the tag refuses it
// for its own sake, but none is read.
TEST(Jwe, OtherHeadersAreRefused) {
  const UniquePkey key = Jwk(kRfcKey);
  const std::string header = "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ";
  for (const char* other :
       {R"({"alg":"RSA-OAEP","enc":"A256GCM","zip":"DEF"})",
        R"({"alg":"RSA-OAEP","enc":"A256GCM","crit":["exp"]})",
        R"({"alg":"RSA1_5","enc":"A256GCM"})", R"({"alg":"RSA-OAEP","enc":"A128CBC-HS256"})",
        R"({"alg":"dir","enc":"A256GCM"})", R"({"enc":"A256GCM"})", R"([])", ""}) {
    const std::string jwe = absl::StrReplaceAll(kRfcJwe, {{header, EncodeBase64Url(other)}});
    EXPECT_THAT(DecryptJwe(jwe, key.get()), StatusIs(kInvalid)) << other;
  }
}

TEST(Jwe, MembersInTwoHeadersAreRefused) {
  const std::string twice = absl::StrReplaceAll(
      kRfcJwe, {{"{\"protected\"", R"({"header":{"alg":"RSA-OAEP"},"protected")"}});
  EXPECT_THAT(DecryptJwe(twice, Jwk(kRfcKey).get()), StatusIs(kInvalid));
  const std::string harmless =
      absl::StrReplaceAll(kRfcJwe, {{"{\"protected\"", R"({"header":{"kid":"x"},"protected")"}});
  EXPECT_OK(DecryptJwe(harmless, Jwk(kRfcKey).get()));
}

TEST(Jwe, TooManyRecipientsAreRefused) {
  std::string many = kCookbookJwe;
  const std::string one = R"({"encrypted_key":"AAAA"},)";
  std::string recipients;
  for (size_t i = 0; i < kMaxJweRecipients; ++i) {
    absl::StrAppend(&recipients, one);
    if (i == kMaxJweRecipients - 2) {
      const std::string most = absl::StrReplaceAll(
          kCookbookJwe, {{"recipients\":[", absl::StrCat("recipients\":[", recipients)}});
      EXPECT_OK(DecryptJwe(most, Jwk(kCookbookKey).get()));
    }
  }
  many = absl::StrReplaceAll(kCookbookJwe,
                             {{"recipients\":[", absl::StrCat("recipients\":[", recipients)}});
  EXPECT_THAT(DecryptJwe(many, Jwk(kCookbookKey).get()), StatusIs(kInvalid));
}

}  // namespace
}  // namespace holkas
