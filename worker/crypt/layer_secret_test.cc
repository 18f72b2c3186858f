#include "worker/crypt/layer_secret.h"

#include "absl/status/status.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;

constexpr char kJson[] =
    "{\"symkey\":\"GA6sOfVql4ZFuqg0n2WWlaVJEzoGtmmabyb9EeifJgM=\",\"digest\":\"sha256:"
    "3db39a9b8d95690b15acac5f3745c54172bb6e292cbd1a40c3de7c4a7c56c7de\",\"cipheroptions\":{"
    "\"nonce\":\"/wZXMNaT6qHXFcFWeUnSSA==\"}}";

TEST(LayerSecret, IsWrittenAsItWasRead) {
  ASSERT_OK_AND_ASSIGN(const LayerSecret secret, ParseLayerSecret(kJson));
  EXPECT_EQ(secret.key.key.size(), LayerKey::kKeyBytes);
  EXPECT_EQ(secret.key.nonce.size(), LayerKey::kNonceBytes);
  EXPECT_EQ(secret.plain_digest.hex().substr(0, 8), "3db39a9b");
  EXPECT_EQ(WriteLayerSecret(secret), kJson);
}

TEST(LayerSecret, OtherSizesAndWhatIsMissingAreRefused) {
  const auto parse = [](absl::string_view from, absl::string_view to) {
    return ParseLayerSecret(absl::StrReplaceAll(kJson, {{from, to}})).status();
  };
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(parse("GA6sOf", "GA"), StatusIs(kInvalid));
  EXPECT_THAT(parse("GA6sOfVq", ""), StatusIs(kInvalid, HasSubstr("symkey has 26 bytes")));
  EXPECT_THAT(parse("/wZXMNaT6qHXFcFWeUnSSA==", "AAAA"), StatusIs(kInvalid, HasSubstr("nonce")));
  EXPECT_THAT(parse("nonce", "once"), StatusIs(kInvalid));
  EXPECT_THAT(parse("cipheroptions", "other"), StatusIs(kInvalid, HasSubstr("cipheroptions")));
  EXPECT_THAT(parse("digest", "Digest"), StatusIs(kInvalid));
  EXPECT_THAT(parse("sha256:", "sha256:00"), StatusIs(kInvalid));
  EXPECT_THAT(ParseLayerSecret("[]").status(), StatusIs(kInvalid));
  EXPECT_THAT(ParseLayerSecret("").status(), StatusIs(kInvalid));
}

TEST(LayerSecret, NewKeysDiffer) {
  ASSERT_OK_AND_ASSIGN(const LayerKey a, LayerKey::New());
  ASSERT_OK_AND_ASSIGN(const LayerKey b, LayerKey::New());
  EXPECT_EQ(a.key.size(), LayerKey::kKeyBytes);
  EXPECT_EQ(a.nonce.size(), LayerKey::kNonceBytes);
  EXPECT_NE(a.key, b.key);
  EXPECT_NE(a.nonce, b.nonce);
}

}  // namespace
}  // namespace holkas
