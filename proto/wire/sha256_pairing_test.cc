#include "proto/wire/sha256_pairing.h"

#include <openssl/sha.h>

#include <array>
#include <string>
#include <thread>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "proto/wire/sha256_two.h"

namespace holkas {
namespace {

using Hash = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

Hash HashOf(absl::string_view data) {
  Hash hash;
  SHA256(reinterpret_cast<const unsigned char*>(data.data()), data.size(), hash.data());
  return hash;
}

Hash Finish(Sha256Share& share) {
  Hash hash;
  SHA256_Final(hash.data(), &share.context);
  return hash;
}

struct Shared : Sha256Share {
  Shared() { SHA256_Init(&context); }
};

// Two messages, both posted, of which the first was awaited.
class Sha256PairingOfTwo : public testing::Test {
 protected:
  void AwaitFirst(size_t first_bytes, size_t second_bytes) {
    first_ = std::string(first_bytes, 'a');
    second_ = std::string(second_bytes, 'b');
    one_.data = first_;
    two_.data = second_;
    pairing_.Post(one_);
    pairing_.Post(two_);
    pairing_.Await(one_);
  }
  void ExpectHashes() {
    EXPECT_EQ(Finish(one_), HashOf(first_));
    EXPECT_EQ(Finish(two_), HashOf(second_));
  }

  Sha256Pairing pairing_;
  std::string first_;
  std::string second_;
  Shared one_;
  Shared two_;
};

TEST_F(Sha256PairingOfTwo, WhoAwaitsHashesWhatIsPostedToo) {
  if (!HasSha256Two()) {
    GTEST_SKIP() << "this processor has no SHA instructions";
  }
  AwaitFirst(1000 * kSha256BlockBytes, 1000 * kSha256BlockBytes);
  EXPECT_TRUE(two_.data.empty());  // nobody awaited it yet
  pairing_.Await(two_);
  ExpectHashes();
}

TEST_F(Sha256PairingOfTwo, TheRestOfALongerOneIsLeftToItsOwner) {
  AwaitFirst(10'000, 30'001);
  EXPECT_FALSE(two_.data.empty());
  pairing_.Await(two_);
  EXPECT_TRUE(two_.data.empty());
  ExpectHashes();
}

TEST(Sha256Pairing, NothingIsTakenAtOnce) {
  Sha256Pairing pairing;
  Shared share;
  pairing.Post(share);
  pairing.Await(share);
  EXPECT_EQ(Finish(share), HashOf(""));
}

// The length is counted in two halves of 32 bits.
TEST(Sha256Pairing, CountsMoreThanHalfAGibibyteTogether) {
  Sha256Pairing pairing;
  const std::string piece(8 << 20, 'x');
  constexpr int kPieces = 66;
  std::array<Hash, 2> hashes;
  std::array<std::thread, 2> running;
  for (int i = 0; i < 2; ++i) {
    running[i] = std::thread([&, i] {
      int given = 0;
      const auto next = [&]() -> absl::string_view {
        return given++ < kPieces ? absl::string_view(piece) : absl::string_view();
      };
      Shared share;
      share.next_data = next;
      pairing.Post(share);
      pairing.Await(share);
      hashes[i] = Finish(share);
    });
  }
  for (std::thread& thread : running) {
    thread.join();
  }
  SHA256_CTX context;
  SHA256_Init(&context);
  for (int i = 0; i < kPieces; ++i) {
    SHA256_Update(&context, piece.data(), piece.size());
  }
  Hash want;
  SHA256_Final(want.data(), &context);
  EXPECT_EQ(hashes[0], want);
  EXPECT_EQ(hashes[1], want);
}

}  // namespace
}  // namespace holkas
