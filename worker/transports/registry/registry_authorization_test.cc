#include "worker/transports/registry/registry_authorization.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "worker/broker/fake_broker.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;

HttpResponse Refusal(const std::vector<std::string>& challenges) {
  HttpResponse response;
  response.status = 401;
  for (const std::string& challenge : challenges) {
    response.headers.emplace_back("WWW-Authenticate", challenge);
  }
  return response;
}

absl::StatusOr<broker::Authorize> QuestionTo(const std::string& header) {
  const std::vector<Challenge> challenges = ChallengesOf(Refusal({header}));
  return QuestionOf(challenges.at(0));
}

// A broker that answers with `answer` and keeps what it was asked.
class RegistryAuthorizationTest : public testing::Test {
 protected:
  RegistryAuthorizationTest() {
    broker_.set_authorize([this](const broker::Authorize& question) {
      questions_.push_back(question);
      return answer_;
    });
  }

  FakeBroker broker_{{}, {}};
  absl::StatusOr<std::string> answer_ = std::string("Bearer t");
  std::vector<broker::Authorize> questions_;
  RegistryAuthorization authorization_{broker_, broker::PLACE_DESTINATION, 2, ""};
};

TEST(QuestionOf, TakesTheRealmApart) {
  ASSERT_OK_AND_ASSIGN(
      const broker::Authorize question,
      QuestionTo("Bearer realm=\"https://Auth.Test:8443/token?a=b\",service=\"r.test\","
                 "scope=\"repository:a/b:pull\",error=\"insufficient_scope\""));
  EXPECT_EQ(question.scheme(), broker::AUTH_SCHEME_BEARER);
  EXPECT_TRUE(question.realm_https());
  EXPECT_EQ(question.realm_host(), "auth.test");
  EXPECT_EQ(question.realm_port(), 8443u);
  EXPECT_EQ(question.realm_target(), "/token?a=b");
  EXPECT_EQ(question.service(), "r.test");
  EXPECT_EQ(question.scope(), "repository:a/b:pull");
  EXPECT_TRUE(question.insufficient());
}

TEST(QuestionOf, RefusesRealmsThatAreNoUrls) {
  for (const std::string realm :
       {"", "token", "ftp://a.test/", "file:///etc/passwd", "https://u:p@a.test/", "//a.test/",
        "https://a.test:0/", "https://a.test/\x01", "https://a b.test/"}) {
    const absl::Status status = QuestionTo("Bearer realm=\"" + realm + "\"").status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable)) << realm;
    EXPECT_EQ(ErrorReason(status), "REGISTRY_UNAVAILABLE") << realm;
  }
}

void ExpectTooLong(const absl::Status& status, const std::string& says) {
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr(says)));
  EXPECT_EQ(ErrorReason(status), "LIMIT_EXCEEDED");
}

TEST(QuestionOf, PartsAreBounded) {
  const std::string realm = "Bearer realm=\"https://a.test/";
  const std::string target(kMaxRealmTargetBytes - 1, 'x');
  EXPECT_OK(QuestionTo(realm + target + "\"").status());
  ExpectTooLong(QuestionTo(realm + target + "x\"").status(), "of more than 4096 bytes");
  ExpectTooLong(QuestionTo(realm + std::string(20'000, 'x') + "\"").status(),
                "its realm: a URL of more than 16384 bytes");
  for (const std::string name : {"service", "scope"}) {
    const std::string text(kMaxChallengeTextBytes, 's');
    EXPECT_OK(QuestionTo(absl::StrCat(realm, "\",", name, "=\"", text, "\"")).status());
    ExpectTooLong(QuestionTo(absl::StrCat(realm, "\",", name, "=\"", text, "s\"")).status(),
                  absl::StrCat("a ", name, " of more than 1024 bytes"));
    EXPECT_THAT(QuestionTo(absl::StrCat(realm, "\",", name, "=\"\x1b[2J\"")).status(),
                StatusIs(absl::StatusCode::kUnavailable));
  }
}

TEST(ChooseChallenge, TokenGoesBeforePassword) {
  const auto both = ChallengesOf(
      Refusal({"Basic realm=\"r\", Negotiate", "Bearer realm=\"https://a.test/\",service=\"s\""}));
  ASSERT_NE(ChooseChallenge(both), nullptr);
  EXPECT_EQ(ChooseChallenge(both)->scheme, "bearer");
  EXPECT_EQ(ChooseChallenge(ChallengesOf(Refusal({"Negotiate"}))), nullptr);
  EXPECT_EQ(ChooseChallenge({}), nullptr);
}

TEST_F(RegistryAuthorizationTest, LearnsWhatTheServiceAnswers) {
  EXPECT_EQ(authorization_.Current(), "");
  EXPECT_THAT(authorization_.Learn(Refusal({"Basic realm=\"r\""}), ""), IsOkAndHolds(true));
  EXPECT_EQ(authorization_.Current(), "Bearer t");
  ASSERT_EQ(questions_.size(), 1u);
  EXPECT_EQ(questions_[0].place(), broker::PLACE_DESTINATION);
  EXPECT_EQ(questions_[0].endpoint(), 2u);
  EXPECT_FALSE(questions_[0].refused());
}

TEST_F(RegistryAuthorizationTest, NoCredentialsAreNothingToTryAgainWith) {
  answer_ = std::string();
  EXPECT_THAT(authorization_.Learn(Refusal({"Basic realm=\"r\""}), ""), IsOkAndHolds(false));
  EXPECT_EQ(authorization_.Current(), "");
}

TEST_F(RegistryAuthorizationTest, SameAnswerIsNothingToTryAgainWith) {
  const HttpResponse refusal = Refusal({"Bearer realm=\"https://a.test/\""});
  EXPECT_THAT(authorization_.Learn(refusal, ""), IsOkAndHolds(true));
  EXPECT_THAT(authorization_.Learn(refusal, "Bearer t"), IsOkAndHolds(false));
  EXPECT_TRUE(questions_.at(1).refused());
}

TEST_F(RegistryAuthorizationTest, RefusedPasswordIsNotAskedForAgain) {
  answer_ = std::string("Basic x");
  const HttpResponse refusal = Refusal({"Basic realm=\"r\""});
  EXPECT_THAT(authorization_.Learn(refusal, ""), IsOkAndHolds(true));
  EXPECT_THAT(authorization_.Learn(refusal, "Basic x"), IsOkAndHolds(false));
  EXPECT_EQ(questions_.size(), 1u);
}

TEST_F(RegistryAuthorizationTest, WhatAnotherThreadLearnedIsUsed) {
  const HttpResponse refusal = Refusal({"Basic realm=\"r\""});
  EXPECT_THAT(authorization_.Learn(refusal, ""), IsOkAndHolds(true));
  EXPECT_THAT(authorization_.Learn(refusal, ""), IsOkAndHolds(true));
  EXPECT_EQ(questions_.size(), 1u);
}

TEST_F(RegistryAuthorizationTest, ScopeCannotBeMissingFromNothing) {
  EXPECT_THAT(authorization_.Learn(
                  Refusal({"Bearer realm=\"https://a.test/\",error=\"insufficient_scope\""}), ""),
              IsOkAndHolds(true));
  EXPECT_FALSE(questions_.at(0).insufficient());
}

TEST_F(RegistryAuthorizationTest, GivenValueIsKept) {
  RegistryAuthorization given(broker_, broker::PLACE_SOURCE, 0, "Bearer mine");
  EXPECT_EQ(given.Current(), "Bearer mine");
  EXPECT_THAT(given.Learn(Refusal({"Bearer realm=\"https://a.test/\""}), "Bearer mine"),
              IsOkAndHolds(false));
  EXPECT_TRUE(questions_.empty());
}

TEST_F(RegistryAuthorizationTest, WhatFailedIsNotAskedAgain) {
  answer_ = MakeError(absl::StatusCode::kUnavailable, "REGISTRY_UNAVAILABLE", "no byte for 30s");
  // Until a scope was not enough, the service does not look at what the registry says of it.
  for (const std::string scope : {"repository:a:pull", "repository:a:pull,push", ""}) {
    EXPECT_THAT(
        authorization_
            .Learn(
                Refusal({absl::StrCat("Bearer realm=\"https://a.test/\",scope=\"", scope, "\"")}),
                "")
            .status(),
        StatusIs(absl::StatusCode::kUnavailable, "no byte for 30s"));
  }
  EXPECT_EQ(questions_.size(), 1u);
}

TEST_F(RegistryAuthorizationTest, OtherQuestionsAreAskedAfterAFailure) {
  const auto learn = [this](const std::string& realm, const std::string& more,
                            const std::string& sent) {
    return authorization_.Learn(Refusal({absl::StrCat("Bearer realm=\"", realm, "\"", more)}),
                                sent);
  };
  answer_ = absl::UnavailableError("down");
  EXPECT_THAT(learn("https://a.test/", "", ""), StatusIs(absl::StatusCode::kUnavailable));
  answer_ = std::string("Bearer t");
  EXPECT_THAT(learn("https://b.test/", "", ""), IsOkAndHolds(true));
  answer_ = absl::UnavailableError("down");
  EXPECT_THAT(learn("https://a.test/", "", "Bearer t"), StatusIs(absl::StatusCode::kUnavailable));
  answer_ = std::string("Bearer wider");
  EXPECT_THAT(learn("https://a.test/", ",scope=\"repository:a:push\",error=\"insufficient_scope\"",
                    "Bearer t"),
              IsOkAndHolds(true));
  EXPECT_EQ(questions_.size(), 4u);
}

TEST_F(RegistryAuthorizationTest, ErrorsOfTheServiceAreTold) {
  answer_ = MakeError(absl::StatusCode::kPermissionDenied, "REALM_DENIED", "no");
  EXPECT_EQ(
      ErrorReason(authorization_.Learn(Refusal({"Bearer realm=\"https://a.test/\""}), "").status()),
      "REALM_DENIED");
  EXPECT_EQ(authorization_.Current(), "");
}

}  // namespace
}  // namespace holkas
