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

TEST(Sha256Pairing, WhoAwaitsHashesWhatIsPostedToo) {
  if (!HasSha256Two()) {
    GTEST_SKIP() << "this processor has no SHA instructions";
  }
  Sha256Pairing pairing;
  const std::string first(1000 * kSha256BlockBytes, 'a');
  const std::string second(1000 * kSha256BlockBytes, 'b');
  Shared one;
  Shared two;
  one.data = first;
  two.data = second;
  pairing.Post(one);
  pairing.Post(two);
  pairing.Await(one);
  EXPECT_TRUE(two.data.empty());  // nobody awaited it yet
  pairing.Await(two);
  EXPECT_EQ(Finish(one), HashOf(first));
  EXPECT_EQ(Finish(two), HashOf(second));
}

TEST(Sha256Pairing, TheRestOfALongerOneIsLeftToItsOwner) {
  Sha256Pairing pairing;
  const std::string first(10'000, 'a');
  const std::string second(30'001, 'b');
  Shared one;
  Shared two;
  one.data = first;
  two.data = second;
  pairing.Post(one);
  pairing.Post(two);
  pairing.Await(one);
  EXPECT_FALSE(two.data.empty());
  pairing.Await(two);
  EXPECT_TRUE(two.data.empty());
  EXPECT_EQ(Finish(one), HashOf(first));
  EXPECT_EQ(Finish(two), HashOf(second));
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
