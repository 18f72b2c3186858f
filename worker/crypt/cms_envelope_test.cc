#include "worker/crypt/cms_envelope.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"
#include "worker/crypt/key_file.h"
#include "worker/crypt/testing/test_keys.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr char kMessage[] = "{\"symkey\":\"a layer's key\"}";

std::string EncryptFor(const std::vector<EVP_PKEY*>& keys) {
  std::vector<UniqueCertificate> certificates;
  for (EVP_PKEY* key : keys) {
    certificates.push_back(*ParseRsaCertificate(CertificatePem(key)));
  }
  return *EncryptCms(kMessage, certificates);
}

TEST(CmsEnvelope, EachRecipientReadsIt) {
  const UniquePkey a = NewRsaKey();
  const UniquePkey b = NewRsaKey();
  const std::string cms = EncryptFor({a.get(), b.get()});
  EXPECT_THAT(DecryptCms(cms, a.get()), IsOkAndHolds(kMessage));
  EXPECT_THAT(DecryptCms(cms, b.get()), IsOkAndHolds(kMessage));
}

TEST(CmsEnvelope, NobodyElseReadsIt) {
  const std::string cms = EncryptFor({NewRsaKey().get()});
  EXPECT_THAT(DecryptCms(cms, NewRsaKey().get()), StatusIs(kInvalid));
  EXPECT_THAT(DecryptCms(cms, NewEcKey("prime256v1").get()), StatusIs(kInvalid));
}

TEST(CmsEnvelope, EveryTruncationIsRefused) {
  const UniquePkey key = NewRsaKey();
  const std::string cms = EncryptFor({key.get()});
  for (size_t size = 0; size < cms.size(); ++size) {
    EXPECT_THAT(DecryptCms(cms.substr(0, size), key.get()), StatusIs(kInvalid));
  }
  EXPECT_THAT(DecryptCms(cms + "x", key.get()), StatusIs(kInvalid));
}

// But for who the recipient is, which is not looked at, since their key tells; and the tag of the
// nonce, which has two.
TEST(CmsEnvelope, EveryOtherBitIsRefused) {
  const UniquePkey key = NewRsaKey();
  const std::string cms = EncryptFor({key.get()});
  const size_t name = cms.find("layers.test");
  ASSERT_NE(name, std::string::npos);
  const size_t nonce_tag = cms.find(std::string("\x30\x11\x84\x0c", 4)) + 2;
  int accepted = 0;
  for (size_t i = 0; i < cms.size() * 8; ++i) {
    std::string other = cms;
    other[i / 8] = static_cast<char>(other[i / 8] ^ (1 << (i % 8)));
    const absl::StatusOr<std::string> message = DecryptCms(other, key.get());
    if (message.ok() && i / 8 != nonce_tag) {
      EXPECT_EQ(*message, kMessage);
      EXPECT_GT(i / 8 + 24, name) << i / 8;
      EXPECT_LT(i / 8, name + 24) << i / 8;
      ++accepted;
    }
  }
  EXPECT_GT(accepted, 0);
}

// As RFC 5084 has it.
TEST(CmsEnvelope, NonceOfTheStandardIsReadToo) {
  const UniquePkey key = NewRsaKey();
  std::string cms = EncryptFor({key.get()});
  const std::string parameters("\x10\x13\x30\x11\x84\x0c", 6);
  ASSERT_NE(cms.find(parameters), std::string::npos);
  cms.replace(cms.find(parameters), parameters.size(), std::string("\x10\x13\x30\x11\x04\x0c", 6));
  EXPECT_THAT(DecryptCms(cms, key.get()), IsOkAndHolds(kMessage));
}

// Written by Skopeo 1.9.3 for the key below; the layer it belonged to is no more.
constexpr char kSkopeosKey[] = R"(-----BEGIN PRIVATE KEY-----
MIICdwIBADANBgkqhkiG9w0BAQEFAASCAmEwggJdAgEAAoGBAOV/vFWVXFiaqn38
jsj1s3lGS2cpsn/CwzqqxnJqbyGH3hZb8ewQqWt6LevZDqHuWG0WM0UR0YSsFdMk
CFRx4BZ/dceQXIbMjKUIO8KHrsrQLkGB5HrcZgSG/HB/JS8g+pJQkBTNr7Yt8AQg
nHBtnoS/o2bP1T0LThqH26bPmLllAgMBAAECgYEAxdetUxY0ismiqoN7z/BILQcV
X7TJhWwwAzZPZzkr3nsTULEox/nBI78rMUNoYt5m6nuV7TgkJ7x2ABPy/mFA7GId
+wnD47l9v/kFNIKecRgUNfEny6Zup9VOnsQQzw/K0amnlY5KMdu5lmS4/C2+HmGB
bZa6t2iWX0n3HFwOqs0CQQD4sScd57ZuHR4sX1l01Pm0dUGcxeRt7IzOhy58aiDu
8gDYoLD3/GopFnXyfYuC5XVuw6a1SGGJCnwvkO16gQSrAkEA7D4y0e8QWjlYT4rE
522uQsoWMitgJq44BoK7vRZ9gIKWVTdBC2/qyLNSClz3vszskoAeY3TBW5rU1Moq
206aLwJAeKXo5jctZ8o0gy5Wxbk00vk3tYjDwxhJT0CBqtYJ2CILiwyaDhSko/5D
hjql3gDXsb61N6k/uC4gBSt4KkBBNQJBAJEOzAOtyBuuVHRa3/a+mR63mZNqoNp/
ZTVSNtavJZawGIDwsYbFTKO5v+lPFmxYxfZaps4o1cVat86E6HXKuM8CQGcLMTNW
0gwiR4rC93GeL6cqXrDOkHSghWX7n05oMIW4tzlb/5UcLNr8kbmzy2xEBUF77gjg
9DWm9/1U3tVNYkU=
-----END PRIVATE KEY-----
)";
constexpr char kSkopeosCms[] =
    "MIIB5wYJKoZIhvcNAQcDoIIB2DCCAdQCAQAxgcYwgcMCAQAwLjAWMRQwEgYDVQQDDAtsYXllcnMudGVzdAIUYp7BmkMa"
    "ELW0+N5d6uRxduKAxjowCwYJKoZIhvcNAQEBBIGAtt1v6z0QSDqGVF79Wc045QmRPOusnxRAA6h3EL0OyKly2m9BSoHW"
    "nntczzJyzwB6Bb76ZkeaE8xKXmMmRKhzcaqO6QFWOINsw5aki1aBpR/Dsq9qPmqHx9y1nK0MhiXTbx1io3kVLiBQWNPa"
    "HvvZ+FECKS8QDTje0ynF9xOJNxIwggEEBgkqhkiG9w0BBwEwIAYJYIZIAWUDBAEGEBMwEYQMivNAKdCFuIQVKXQsAgEQ"
    "oIHUBIHRkU1sjsA1xmRS4r8DOuvHcodSHp9ySA78z1xT/Uvil04ofNe2o3tY0IGX588uKjKQiBhAcsEFTR6yJscHwuhC"
    "FUoegf+A3BiXo3RFUwMLw1wP1AaYGl8Io/DeJJkEbNl6u9XO8eFFGvoua2TuhWRCJp5cXnUcchSUlEm1jZfmPosTv/62"
    "KD5SKr//1RKmKzB6If+t0MNyABBLkrlqBIEGVQ9Sng/PJbWFoZKLWZJmee0DhQyZXzltGJpocV8ZVjlresTkwAdLbU1Z"
    "v1PaXaUNKog=";

TEST(CmsEnvelope, WhatSkopeoWritesIsRead) {
  std::string cms;
  ASSERT_TRUE(absl::Base64Unescape(kSkopeosCms, &cms));
  ASSERT_OK_AND_ASSIGN(const UniquePkey key, ParsePrivateKey(kSkopeosKey, ""));
  EXPECT_THAT(DecryptCms(cms, key.get()), IsOkAndHolds(HasSubstr("\"symkey\":\"")));
}

}  // namespace
}  // namespace holkas
