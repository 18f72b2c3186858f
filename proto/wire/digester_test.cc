#include "proto/wire/digester.h"

#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "proto/wire/digest.h"

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

TEST(Digester, GoesOnAfterAMove) {
  Digester first;
  first.Update("ab");
  Digester second(std::move(first));
  second.Update("c");
  EXPECT_EQ(second.Finish(), Digest::Sha256Of("abc"));
}

}  // namespace
}  // namespace holkas
