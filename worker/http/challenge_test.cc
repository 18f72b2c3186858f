#include "worker/http/challenge.h"

#include "gtest/gtest.h"

namespace holkas {
namespace {

TEST(Challenge, ReadsBearerWithItsParameters) {
  const std::vector<Challenge> challenges = ParseChallenges(
      R"(Bearer realm="https://auth.test/token",service="reg,istry",Scope="repository:a/b:pull")");
  ASSERT_EQ(challenges.size(), 1u);
  EXPECT_EQ(challenges[0].scheme, "bearer");
  const std::map<std::string, std::string> want = {{"realm", "https://auth.test/token"},
                                                   {"service", "reg,istry"},
                                                   {"scope", "repository:a/b:pull"}};
  EXPECT_EQ(challenges[0].parameters, want);
}

TEST(Challenge, ReadsSeveralChallenges) {
  const std::vector<Challenge> challenges =
      ParseChallenges(R"(Negotiate, Basic realm="a \"b\"", charset=UTF-8, Bearer realm=x)");
  ASSERT_EQ(challenges.size(), 3u);
  EXPECT_EQ(challenges[0].scheme, "negotiate");
  EXPECT_EQ(challenges[1].scheme, "basic");
  EXPECT_EQ(challenges[1].parameters.at("realm"), "a \"b\"");
  EXPECT_EQ(challenges[1].parameters.at("charset"), "UTF-8");
  EXPECT_EQ(challenges[2].parameters.at("realm"), "x");
}

TEST(Challenge, MalformedTextEndsTheList) {
  EXPECT_TRUE(ParseChallenges("").empty());
  EXPECT_TRUE(ParseChallenges("\"Basic\"").empty());
  EXPECT_TRUE(ParseChallenges("Basic realm=\"never closed").at(0).parameters.empty());
  EXPECT_TRUE(ParseChallenges("Basic realm=\"x\\").at(0).parameters.empty());
  EXPECT_EQ(ParseChallenges("Basic \x01\x02").size(), 1u);
}

TEST(Challenge, CountsAreBounded) {
  std::string many = "Basic a=1";
  for (int i = 0; i < 1000; ++i) {
    many += ", Basic";
  }
  EXPECT_EQ(ParseChallenges(many).size(), kMaxChallenges);
  std::string wide = "Basic ";
  for (int i = 0; i < 1000; ++i) {
    wide += "p" + std::to_string(i) + "=1,";
  }
  EXPECT_EQ(ParseChallenges(wide).at(0).parameters.size(), kMaxChallengeParameters);
}

}  // namespace
}  // namespace holkas
