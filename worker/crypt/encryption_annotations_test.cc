#include "worker/crypt/encryption_annotations.h"

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

constexpr char kOptions[] = "org.opencontainers.image.enc.pubopts";
constexpr char kJweKey[] = "org.opencontainers.image.enc.keys.jwe";
constexpr char kPkcs7Key[] = "org.opencontainers.image.enc.keys.pkcs7";
// As Skopeo writes them.
constexpr char kOptionsText[] =
    "eyJjaXBoZXIiOiJBRVNfMjU2X0NUUl9ITUFDX1NIQTI1NiIsImhtYWMiOiJMM1oxZUlmSTRHMlBkNURWMVQyMnlwL3AwQ1"
    "BWSGxVRlJMajNhZ2FRdTAwPSIsImNpcGhlcm9wdGlvbnMiOnt9fQ==";

absl::Status Parse(const std::map<std::string, std::string>& annotations) {
  return ParseEncryptionAnnotations(annotations).status();
}

absl::Status ParseOptions(absl::string_view json) {
  return Parse({{kOptions, absl::Base64Escape(json)}});
}

TEST(EncryptionAnnotations, AreWrittenAsTheyWereRead) {
  const std::map<std::string, std::string> annotations = {
      {kJweKey, "e30=,MAA="}, {kPkcs7Key, "MAA="}, {kOptions, kOptionsText}};
  ASSERT_OK_AND_ASSIGN(const EncryptionAnnotations encryption,
                       ParseEncryptionAnnotations(annotations));
  EXPECT_THAT(encryption.jwe, ElementsAre("{}", std::string("\x30\x00", 2)));
  EXPECT_THAT(encryption.pkcs7, ElementsAre(std::string("\x30\x00", 2)));
  EXPECT_EQ(encryption.hmac.size(), 32u);
  EXPECT_EQ(WriteEncryptionAnnotations(encryption), annotations);
}

TEST(EncryptionAnnotations, WhatNobodyHereReadsIsNamed) {
  ASSERT_OK_AND_ASSIGN(
      const EncryptionAnnotations encryption,
      ParseEncryptionAnnotations({{"org.opencontainers.image.enc.keys.pkcs11", "anything"},
                                  {kOptions, kOptionsText},
                                  {"other", "x"}}));
  EXPECT_THAT(encryption.unread_schemes, ElementsAre("pkcs11"));
}

TEST(EncryptionAnnotations, MalformedOnesAreRefused) {
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(Parse({}), StatusIs(kInvalid, HasSubstr("no public options")));
  EXPECT_THAT(Parse({{kJweKey, "e30"}, {kOptions, kOptionsText}}), StatusIs(kInvalid));
  EXPECT_THAT(Parse({{kJweKey, "e30=,"}, {kOptions, kOptionsText}}), StatusIs(kInvalid));
  EXPECT_THAT(Parse({{kPkcs7Key, ""}, {kOptions, kOptionsText}}), StatusIs(kInvalid));
  EXPECT_THAT(Parse({{kOptions, "x"}}), StatusIs(kInvalid));
  EXPECT_THAT(ParseOptions("[]"), StatusIs(kInvalid));
  EXPECT_THAT(ParseOptions(R"({"cipher":"AES_256_CTR_HMAC_SHA256","hmac":"AAAA"})"),
              StatusIs(kInvalid, HasSubstr("HMAC")));
  EXPECT_THAT(ParseOptions(R"({"cipher":"AES_256_CTR_HMAC_SHA256","HMAC":"AAAA"})"),
              StatusIs(kInvalid));
  EXPECT_THAT(ParseOptions(R"({"cipher":"ROT_13","hmac":"AAAA"})"),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("ROT_13")));
}

TEST(EncryptionAnnotations, TooManyOrTooLargeKeysAreLimitExceeded) {
  const auto with_size = [](size_t size) {
    return Parse({{kJweKey, absl::Base64Escape(std::string(size, 'k'))}, {kOptions, kOptionsText}});
  };
  EXPECT_OK(with_size(kMaxWrappedKeyBytes));
  EXPECT_EQ(ErrorReason(with_size(kMaxWrappedKeyBytes + 1)), "LIMIT_EXCEEDED");
  const auto with_count = [](size_t count) {
    std::string keys = "e30=";
    for (size_t i = 1; i < count; ++i) {
      absl::StrAppend(&keys, ",e30=");
    }
    return Parse({{kJweKey, keys}, {kOptions, kOptionsText}});
  };
  EXPECT_OK(with_count(kMaxWrappedKeys));
  EXPECT_EQ(ErrorReason(with_count(kMaxWrappedKeys + 1)), "LIMIT_EXCEEDED");
}

TEST(EncryptedLayerType, HasASuffix) {
  constexpr char kPlain[] = "application/vnd.oci.image.layer.v1.tar+gzip";
  constexpr char kEncrypted[] = "application/vnd.oci.image.layer.v1.tar+gzip+encrypted";
  EXPECT_EQ(EncryptedLayerType(kPlain), kEncrypted);
  EXPECT_EQ(PlainLayerType(kEncrypted), kPlain);
  EXPECT_TRUE(IsEncryptedLayerType(kEncrypted));
  EXPECT_FALSE(IsEncryptedLayerType(kPlain));
}

}  // namespace
}  // namespace holkas
