#include "worker/crypt/decrypting_source.h"

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/status_matchers.h"
#include "worker/blob/byte_source.h"
#include "worker/blob/read_to_end.h"
#include "worker/blob/string_source.h"
#include "worker/crypt/encrypting_source.h"
#include "worker/crypt/layer_secret.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;

// NIST SP 800-38A, F.5.5: CTR-AES256.
LayerKey NistKey() {
  return {
      absl::HexStringToBytes("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"),
      absl::HexStringToBytes("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")};
}
const std::string kNistPlain = absl::HexStringToBytes(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710");
const std::string kNistEncrypted = absl::HexStringToBytes(
    "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5"
    "2b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6");

struct Encrypted {
  std::string bytes;
  std::string hmac;
};

Encrypted Encrypt(const std::string& plain, const LayerKey& key, size_t chunk, size_t step) {
  auto source = EncryptingSource::New(std::make_unique<StringSource>(plain, chunk), key);
  const absl::StatusOr<std::string> bytes = ReadToEnd(**source, step);
  return {*bytes, (*source)->hmac()};
}

absl::StatusOr<std::string> Decrypt(const Encrypted& encrypted, const LayerKey& key,
                                    int64_t size_bytes, size_t chunk, size_t step) {
  ASSIGN_OR_RETURN(auto source,
                   DecryptingSource::New(std::make_unique<StringSource>(encrypted.bytes, chunk),
                                         key, encrypted.hmac, size_bytes));
  return ReadToEnd(*source, step);
}

std::string SomeBytes(size_t size) {
  std::string bytes;
  for (size_t i = 0; i < size; ++i) {
    bytes.push_back(static_cast<char>(i * i >> 3));
  }
  return bytes;
}

TEST(EncryptingSource, IsCounterModeOfAes256) {
  const Encrypted encrypted = Encrypt(kNistPlain, NistKey(), 64, 64);
  EXPECT_EQ(encrypted.bytes, kNistEncrypted);
  EXPECT_EQ(encrypted.hmac.size(), LayerCipher::kHmacBytes);
}

TEST(EncryptingSource, GivesItsHmacAtTheEndAlone) {
  auto source = EncryptingSource::New(std::make_unique<StringSource>("abc"), NistKey());
  ASSERT_OK(source.status());
  char buffer[8];
  EXPECT_THAT((*source)->Read(buffer), IsOkAndHolds(3u));
  EXPECT_EQ((*source)->hmac(), "");
  EXPECT_THAT((*source)->Read(buffer), IsOkAndHolds(0u));
  EXPECT_EQ((*source)->hmac().size(), LayerCipher::kHmacBytes);
  EXPECT_THAT((*source)->Read(buffer), IsOkAndHolds(0u));
}

TEST(DecryptingSource, GivesBackWhatWasEncryptedInWhateverPieces) {
  for (const size_t size : {0, 1, 15, 16, 17, 1000, 300000}) {
    const std::string plain = SomeBytes(size);
    const Encrypted whole = Encrypt(plain, NistKey(), std::string::npos, 1 << 20);
    for (const size_t chunk : {size_t{7}, size_t{4096}, std::string::npos}) {
      if (size > 1000 && chunk == 7) {
        continue;
      }
      const Encrypted encrypted = Encrypt(plain, NistKey(), chunk, 333);
      EXPECT_EQ(encrypted.bytes, whole.bytes);
      EXPECT_EQ(encrypted.hmac, whole.hmac);
      EXPECT_THAT(Decrypt(encrypted, NistKey(), static_cast<int64_t>(size), chunk, 500),
                  IsOkAndHolds(plain));
    }
  }
}

TEST(DecryptingSource, EveryOtherBitIsDataLoss) {
  const Encrypted right = Encrypt(kNistPlain, NistKey(), 64, 64);
  for (size_t i = 0; i < right.bytes.size() * 8; ++i) {
    Encrypted wrong = right;
    wrong.bytes[i / 8] = static_cast<char>(wrong.bytes[i / 8] ^ (1 << (i % 8)));
    EXPECT_THAT(Decrypt(wrong, NistKey(), 64, 64, 64),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr("HMAC")));
  }
  for (size_t i = 0; i < right.hmac.size() * 8; ++i) {
    Encrypted wrong = right;
    wrong.hmac[i / 8] = static_cast<char>(wrong.hmac[i / 8] ^ (1 << (i % 8)));
    EXPECT_THAT(Decrypt(wrong, NistKey(), 64, 64, 64),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr("HMAC")));
  }
}

TEST(DecryptingSource, OtherSizesAreDataLoss) {
  const Encrypted right = Encrypt(kNistPlain, NistKey(), 64, 64);
  for (size_t size = 0; size < right.bytes.size(); ++size) {
    const Encrypted shorter = {right.bytes.substr(0, size), right.hmac};
    EXPECT_THAT(Decrypt(shorter, NistKey(), 64, 64, 64),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr("shorter")));
    // Also where the manifest says so.
    EXPECT_THAT(Decrypt(shorter, NistKey(), static_cast<int64_t>(size), 64, 64),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr("HMAC")));
  }
  const absl::Status longer =
      Decrypt({right.bytes + "x", right.hmac}, NistKey(), 64, 128, 128).status();
  EXPECT_THAT(longer, StatusIs(absl::StatusCode::kDataLoss, HasSubstr("longer")));
  EXPECT_EQ(ErrorReason(longer), "CONTENT_MISMATCH");
}

TEST(DecryptingSource, LastBytesComeAfterTheHmacWasFoundRight) {
  Encrypted wrong = Encrypt(kNistPlain, NistKey(), 64, 64);
  wrong.hmac[0] = static_cast<char>(wrong.hmac[0] ^ 1);
  auto source = DecryptingSource::New(std::make_unique<StringSource>(wrong.bytes, 40), NistKey(),
                                      wrong.hmac, 64);
  ASSERT_OK(source.status());
  char buffer[64];
  EXPECT_THAT((*source)->Read(buffer), IsOkAndHolds(40u));
  EXPECT_THAT((*source)->Read(buffer), StatusIs(absl::StatusCode::kDataLoss));
}

// Bytes that are looked at once more at the end, as a hash that is still being computed does.
class LastLookSource : public ByteSource {
 public:
  LastLookSource(std::string bytes, bool& seen) : bytes_(std::move(bytes)), seen_(seen) {}
  ~LastLookSource() override { seen_ = absl::string_view(last_.data(), bytes_.size()) == bytes_; }

  absl::StatusOr<size_t> Read(absl::Span<char> buffer) override {
    std::memcpy(buffer.data(), bytes_.data(), bytes_.size());
    last_ = buffer;
    return bytes_.size();
  }

 private:
  const std::string bytes_;
  bool& seen_;
  absl::Span<char> last_;
};

TEST(DecryptingSource, WhatWasReadIsThereUntilItsSourceIsNot) {
  char buffer[8];
  bool seen_by_decryption = false;
  {
    auto source =
        DecryptingSource::New(std::make_unique<LastLookSource>("encrypted", seen_by_decryption),
                              NistKey(), std::string(LayerCipher::kHmacBytes, 'h'), 9);
    EXPECT_OK((*source)->Read(buffer).status());
  }
  EXPECT_TRUE(seen_by_decryption);
  bool seen_by_encryption = false;
  {
    auto source = EncryptingSource::New(
        std::make_unique<LastLookSource>("plain", seen_by_encryption), NistKey());
    EXPECT_OK((*source)->Read(buffer).status());
  }
  EXPECT_TRUE(seen_by_encryption);
}

TEST(DecryptingSource, AnotherKeyIsDataLoss) {
  const Encrypted encrypted = Encrypt(kNistPlain, NistKey(), 64, 64);
  ASSERT_OK_AND_ASSIGN(const LayerKey other, LayerKey::New());
  EXPECT_THAT(Decrypt(encrypted, other, 64, 64, 64), StatusIs(absl::StatusCode::kDataLoss));
}

TEST(DecryptingSource, KeysAndHmacsOfOtherSizesAreRefused) {
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  const std::string hmac(LayerCipher::kHmacBytes, 'h');
  const auto open = [](const LayerKey& key, const std::string& hmac) {
    return DecryptingSource::New(std::make_unique<StringSource>(""), key, hmac, 0).status();
  };
  EXPECT_THAT(open(NistKey(), hmac), IsOk());
  EXPECT_THAT(open(NistKey(), ""), StatusIs(kInvalid));
  EXPECT_THAT(open({"short", NistKey().nonce}, hmac), StatusIs(kInvalid));
  EXPECT_THAT(open({NistKey().key, "short"}, hmac), StatusIs(kInvalid));
}

}  // namespace
}  // namespace holkas
