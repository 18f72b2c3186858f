#include "proto/wire/digester.h"

#include <array>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "proto/wire/digest.h"
#include "proto/wire/sha256_pairing.h"

namespace holkas {
namespace {

TEST(Digester, PiecesGiveTheDigestOfTheWhole) {
  Digester digester;
  digester.Update("a");
  digester.Update("");
  digester.Update("bc");
  EXPECT_EQ(digester.Finish(), Digest::Sha256Of("abc"));
}

TEST(Digester, NothingGivesTheDigestOfNothing) {
  EXPECT_EQ(Digester().Finish(), Digest::Sha256Of(""));
}

TEST(Digester, Sha512) {
  Digester digester("sha512");
  digester.Update("abc");
  // FIPS 180-2, appendix C.1.
  EXPECT_EQ(digester.Finish().ToString(),
            "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
            "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
}

// Pieces of all sizes: more and less than what is worth a partner, blocks whole and begun.
std::vector<std::string> Pieces(unsigned seed) {
  std::mt19937 random(seed);
  std::vector<std::string> pieces;
  for (const size_t size : {1, 100'000, 63, 16'384, 64'001, 0, 200'000, 16'383, 262'144, 5}) {
    std::string& piece = pieces.emplace_back(size + seed % 7, '\0');
    for (char& byte : piece) {
      byte = static_cast<char>(random());
    }
  }
  return pieces;
}

void Whole(Digester& digester, const std::vector<std::string>& pieces) {
  for (const std::string& piece : pieces) {
    digester.Update(piece);
  }
}

void InHalves(Digester& digester, const std::vector<std::string>& pieces) {
  for (const std::string& piece : pieces) {
    digester.Begin(piece);
    std::this_thread::yield();
    digester.Await();
  }
}

void AllAtOnce(Digester& digester, const std::vector<std::string>& pieces) {
  size_t next = 0;
  std::string piece;  // as if read from a file
  digester.UpdateWithAll([&]() -> absl::string_view {
    while (next < pieces.size() && pieces[next].empty()) {
      ++next;
    }
    piece = next < pieces.size() ? pieces[next++] : "";
    return piece;
  });
}

using Way = void (*)(Digester&, const std::vector<std::string>&);

class DigesterWays : public testing::TestWithParam<Way> {};

TEST_P(DigesterWays, AloneGiveTheDigestOfTheWhole) {
  for (const char* algorithm : {"sha256", "sha512"}) {
    const std::vector<std::string> pieces = Pieces(1);
    Digester want(algorithm);
    want.Update(absl::StrJoin(pieces, ""));
    Sha256Pairing pairing;
    Digester paired(algorithm, &pairing);
    GetParam()(paired, pieces);
    const Digest digest = want.Finish();
    EXPECT_EQ(paired.Finish(), digest);
    Digester unpaired(algorithm);
    GetParam()(unpaired, pieces);
    EXPECT_EQ(unpaired.Finish(), digest);
  }
}

// Threads of the other ways hash at the same time.
TEST_P(DigesterWays, WithOthersGiveTheDigestOfTheWhole) {
  constexpr int kThreads = 6;
  constexpr int kRounds = 20;
  Sha256Pairing pairing;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    const Way way = i < kThreads / 2 ? GetParam() : std::array{Whole, InHalves, AllAtOnce}[i % 3];
    threads.emplace_back([&pairing, way, i] {
      for (int round = 0; round < kRounds; ++round) {
        const std::vector<std::string> pieces = Pieces(100 * i + round);
        Digester digester("sha256", &pairing);
        way(digester, pieces);
        EXPECT_EQ(digester.Finish(), Digest::Sha256Of(absl::StrJoin(pieces, "")));
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

INSTANTIATE_TEST_SUITE_P(All, DigesterWays, testing::Values(Whole, InHalves, AllAtOnce));

TEST(Digester, MayBeGivenUpWithinAnUpdate) {
  Sha256Pairing pairing;
  const std::string content(1'000'000, 'x');
  Digester other("sha256", &pairing);
  {
    Digester given_up("sha256", &pairing);
    given_up.Begin(content);
  }
  other.Update(content);
  EXPECT_EQ(other.Finish(), Digest::Sha256Of(content));
}

}  // namespace
}  // namespace holkas
