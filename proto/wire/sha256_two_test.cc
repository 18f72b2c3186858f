#include "proto/wire/sha256_two.h"

#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <random>
#include <string>

#include "gtest/gtest.h"

namespace holkas {
namespace {

std::string RandomBytes(size_t size, uint32_t seed) {
  std::independent_bits_engine<std::mt19937, 8, uint32_t> engine(seed);
  std::string bytes(size, '\0');
  std::generate(bytes.begin(), bytes.end(), [&] { return static_cast<char>(engine()); });
  return bytes;
}

Sha256Lane LaneOf(SHA256_CTX& context, const std::string& data) {
  return {context.h, reinterpret_cast<const unsigned char*>(data.data())};
}

std::array<uint32_t, 8> StateAfter(const std::string& data) {
  SHA256_CTX context;
  SHA256_Init(&context);
  SHA256_Update(&context, data.data(), data.size());
  return std::to_array(context.h);
}

class Sha256Two : public testing::Test {
 protected:
  void SetUp() override {
    if (!HasSha256Two()) {
      GTEST_SKIP() << "this processor has no SHA instructions";
    }
    SHA256_Init(&one_);
    SHA256_Init(&two_);
  }

  SHA256_CTX one_;
  SHA256_CTX two_;
};

TEST_F(Sha256Two, GivesTheStatesThatOpenSslGives) {
  for (size_t blocks = 1; blocks <= 300; blocks += blocks < 20 ? 1 : 31) {
    SHA256_Init(&one_);
    SHA256_Init(&two_);
    const std::string first = RandomBytes(blocks * kSha256BlockBytes, 2 * blocks);
    const std::string second = RandomBytes(blocks * kSha256BlockBytes, 2 * blocks + 1);
    holkas::Sha256Two(LaneOf(one_, first), LaneOf(two_, second), blocks);
    EXPECT_EQ(std::to_array(one_.h), StateAfter(first)) << blocks;
    EXPECT_EQ(std::to_array(two_.h), StateAfter(second)) << blocks;
  }
}

TEST_F(Sha256Two, GoesOnFromAnyState) {
  const std::string first = RandomBytes(10 * kSha256BlockBytes, 1);
  const std::string second = RandomBytes(10 * kSha256BlockBytes, 2);
  for (size_t block = 0; block < 10; ++block) {
    const size_t at = block * kSha256BlockBytes;
    holkas::Sha256Two(LaneOf(one_, first.substr(at)), LaneOf(two_, second.substr(at)), 1);
  }
  EXPECT_EQ(std::to_array(one_.h), StateAfter(first));
  EXPECT_EQ(std::to_array(two_.h), StateAfter(second));
}

TEST_F(Sha256Two, NeedsNoAlignment) {
  const std::string data = RandomBytes(5 * kSha256BlockBytes + 3, 7);
  const auto* bytes = reinterpret_cast<const unsigned char*>(data.data());
  holkas::Sha256Two({one_.h, bytes + 1}, {two_.h, bytes + 3}, 5);
  EXPECT_EQ(std::to_array(one_.h), StateAfter(data.substr(1, 5 * kSha256BlockBytes)));
  EXPECT_EQ(std::to_array(two_.h), StateAfter(data.substr(3, 5 * kSha256BlockBytes)));
}

TEST_F(Sha256Two, NoBlocksChangeNothing) {
  holkas::Sha256Two({one_.h, nullptr}, {two_.h, nullptr}, 0);
  EXPECT_EQ(std::to_array(one_.h), StateAfter(""));
}

}  // namespace
}  // namespace holkas
