#include "worker/crypt/aes_gcm.h"

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

// Test case 16 of the mode's specification (McGrew and Viega).
const std::string kKey =
    absl::HexStringToBytes("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
const std::string kNonce = absl::HexStringToBytes("cafebabefacedbaddecaf888");
const std::string kAad = absl::HexStringToBytes("feedfacedeadbeeffeedfacedeadbeefabaddad2");
const std::string kMessage = absl::HexStringToBytes(
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39");
const std::string kSealed = absl::HexStringToBytes(
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
    "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
    "76fc6ece0f4e1768cddf8853bb2d551b");

TEST(AesGcm, IsWhatItsSpecificationSays) {
  EXPECT_THAT(SealAesGcm(kKey, kNonce, kAad, kMessage), IsOkAndHolds(kSealed));
  EXPECT_THAT(OpenAesGcm(kKey, kNonce, kAad, kSealed), IsOkAndHolds(kMessage));
}

TEST(AesGcm, EveryOtherBitIsRefused) {
  for (size_t i = 0; i < kSealed.size() * 8; ++i) {
    std::string other = kSealed;
    other[i / 8] = static_cast<char>(other[i / 8] ^ (1 << (i % 8)));
    EXPECT_THAT(OpenAesGcm(kKey, kNonce, kAad, other),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
  EXPECT_FALSE(OpenAesGcm(kKey, kNonce, "", kSealed).ok());
}

TEST(AesGcm, OtherSizesAreRefused) {
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(SealAesGcm("short", kNonce, "", ""), StatusIs(kInvalid));
  EXPECT_THAT(SealAesGcm(kKey, "short", "", ""), StatusIs(kInvalid));
  EXPECT_THAT(OpenAesGcm(kKey, kNonce, "", "fifteen bytes.."), StatusIs(kInvalid));
}

}  // namespace
}  // namespace holkas
