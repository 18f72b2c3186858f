#include "service/credentials/authorizer.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "service/broker/cancellation.h"

namespace holkas {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr char kPull[] = "repository:lib/app:pull";

// A job that reads from r.example.com and writes to w.example.com:5000, as alice with a password at
// the first and with nothing at the second.
class AuthorizerTest : public testing::Test {
 protected:
  AuthorizerTest() {
    RegistryIdentity source;
    source.registry.set_host("r.example.com");
    source.registry.set_api_host("r.example.com");
    source.registry.set_verify_certificate(true);
    source.registry.mutable_certificates()->set_ca_pem("ca");
    source.registry.mutable_certificates()->set_client_certificate_pem("cert");
    source.registry.mutable_certificates()->set_client_key_pem("canary-key");
    source.credentials = UserPassword{"alice", "canary-password"};
    source.scopes = {kPull};
    RegistryIdentity destination;
    destination.registry.set_host("w.example.com");
    destination.registry.set_api_host("w.example.com");
    destination.registry.set_port(5000);
    destination.registry.set_plain_http_allowed(true);
    destination.scopes = {"repository:x:pull,push", kPull};
    identity_.source.push_back(source);
    identity_.destination.push_back(destination);
  }

  static broker::Authorize Basic(broker::Place place = broker::PLACE_SOURCE) {
    broker::Authorize question;
    question.set_place(place);
    question.set_scheme(broker::AUTH_SCHEME_BASIC);
    return question;
  }

  static broker::Authorize Bearer(const std::string& realm_host,
                                  broker::Place place = broker::PLACE_SOURCE) {
    broker::Authorize question;
    question.set_place(place);
    question.set_scheme(broker::AUTH_SCHEME_BEARER);
    question.set_realm_https(true);
    question.set_realm_host(realm_host);
    question.set_realm_port(443);
    question.set_realm_target("/token");
    question.set_service("the service");
    return question;
  }

  absl::StatusOr<std::string> Ask(const broker::Authorize& question) {
    return authorizer_.Authorize(question, cancellation_);
  }

  JobIdentity identity_;
  AuthorizationResources resources_;
  Cancellation cancellation_;
  std::vector<TokenOrder> orders_;
  absl::StatusOr<std::string> token_ = std::string("canary-token");
  int64_t valid_seconds_ = 300;
  Authorizer authorizer_{identity_, resources_,
                         [this](const TokenOrder& order,
                                const Cancellation&) -> absl::StatusOr<broker::TokenResponse> {
                           orders_.push_back(order);
                           if (!token_.ok()) {
                             return token_.status();
                           }
                           broker::TokenResponse response;
                           response.set_token(*token_);
                           response.set_valid_seconds(valid_seconds_);
                           return response;
                         }};
};

TEST_F(AuthorizerTest, PasswordWhereTheRegistryKnowsNothingElse) {
  EXPECT_THAT(Ask(Basic()), IsOkAndHolds("Basic YWxpY2U6Y2FuYXJ5LXBhc3N3b3Jk"));
  EXPECT_THAT(Ask(Basic(broker::PLACE_DESTINATION)), IsOkAndHolds(""));
  EXPECT_THAT(authorizer_.secrets(), Contains("canary-password"));
  EXPECT_THAT(authorizer_.secrets(), Contains("YWxpY2U6Y2FuYXJ5LXBhc3N3b3Jk"));
}

TEST_F(AuthorizerTest, RefusedPasswordIsNotGivenAgain) {
  broker::Authorize question = Basic();
  question.set_refused(true);
  EXPECT_THAT(Ask(question), IsOkAndHolds(""));
}

TEST_F(AuthorizerTest, TokenIsPaidForInAnotherWorker) {
  EXPECT_THAT(Ask(Bearer("auth.example.com")), IsOkAndHolds("Bearer canary-token"));
  ASSERT_EQ(orders_.size(), 1u);
  const broker::JobSpec& job = orders_[0].job;
  EXPECT_TRUE(orders_[0].public_only);
  EXPECT_EQ(job.source().registry().host(), "auth.example.com");
  EXPECT_EQ(job.source().registry().authorization(), "Basic YWxpY2U6Y2FuYXJ5LXBhc3N3b3Jk");
  EXPECT_TRUE(job.source().registry().verify_certificate());
  EXPECT_FALSE(job.source().registry().plain_http_allowed());
  EXPECT_EQ(job.token().target(), "/token");
  EXPECT_EQ(job.token().service(), "the service");
  EXPECT_EQ(job.token().account(), "alice");
  EXPECT_THAT(job.token().scopes(), ElementsAre(kPull));
  EXPECT_THAT(authorizer_.secrets(), Contains("canary-token"));
}

TEST_F(AuthorizerTest, ClientCertificateGoesToTheRegistryAlone) {
  EXPECT_OK(Ask(Bearer("auth.example.com")).status());
  EXPECT_OK(Ask(Bearer("r.example.com")).status());
  const auto& elsewhere = orders_[0].job.source().registry().certificates();
  EXPECT_EQ(elsewhere.ca_pem(), "ca");
  EXPECT_EQ(elsewhere.client_key_pem(), "");
  EXPECT_EQ(elsewhere.client_certificate_pem(), "");
  EXPECT_EQ(orders_[1].job.source().registry().certificates().client_key_pem(), "canary-key");
}

TEST_F(AuthorizerTest, CredentialsDoNotGoToStrangers) {
  const absl::Status status = Ask(Bearer("thief.test")).status();
  EXPECT_EQ(ErrorReason(status), "REALM_DENIED");
  EXPECT_TRUE(orders_.empty());
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("canary")));
}

TEST_F(AuthorizerTest, AnonymousTokensMayComeFromStrangers) {
  EXPECT_OK(Ask(Bearer("stranger.test", broker::PLACE_DESTINATION)).status());
  ASSERT_EQ(orders_.size(), 1u);
  EXPECT_EQ(orders_[0].job.source().registry().authorization(), "");
  EXPECT_TRUE(orders_[0].public_only);
  EXPECT_THAT(orders_[0].job.token().scopes(), ElementsAre("repository:x:pull,push", kPull));
}

TEST_F(AuthorizerTest, RegistryThatMustBePublicMustBeSoAsItsOwnRealm) {
  EXPECT_OK(Ask(Bearer("r.example.com")).status());
  EXPECT_FALSE(orders_.at(0).public_only);
  identity_.source[0].public_only = true;
  broker::Authorize question = Bearer("r.example.com");
  question.set_refused(true);
  EXPECT_OK(Ask(question).status());
  EXPECT_TRUE(orders_.at(1).public_only);
}

TEST_F(AuthorizerTest, IdentityTokenGoesIntoTheOrder) {
  identity_.source[0].credentials = IdentityToken{"canary-identity", ""};
  EXPECT_OK(Ask(Bearer("auth.example.com")).status());
  EXPECT_EQ(orders_.at(0).job.token().identity_token(), "canary-identity");
  EXPECT_EQ(orders_[0].job.source().registry().authorization(), "");
  EXPECT_THAT(authorizer_.secrets(), Contains("canary-identity"));
}

TEST_F(AuthorizerTest, IdentityTokenIsNoPassword) {
  identity_.source[0].credentials = IdentityToken{"canary-identity", ""};
  EXPECT_THAT(Ask(Basic()), IsOkAndHolds(""));
}

TEST_F(AuthorizerTest, TokensAreSharedByJobsOfTheSameUserAlone) {
  EXPECT_OK(Ask(Bearer("auth.example.com")).status());
  EXPECT_OK(Ask(Bearer("auth.example.com")).status());
  EXPECT_EQ(orders_.size(), 1u);
  const auto fetch = [this](const TokenOrder& order,
                            const Cancellation&) -> absl::StatusOr<broker::TokenResponse> {
    orders_.push_back(order);
    broker::TokenResponse response;
    response.set_token("bobs");
    return response;
  };
  Authorizer same(identity_, resources_, fetch);
  EXPECT_THAT(same.Authorize(Bearer("auth.example.com"), cancellation_),
              IsOkAndHolds("Bearer canary-token"));
  for (const StoredCredentials& other :
       {StoredCredentials(UserPassword{"alice", "other"}), StoredCredentials(NoCredentials()),
        StoredCredentials(UserPassword{"bob", "canary-password"}),
        StoredCredentials(IdentityToken{"canary-password", "alice"})}) {
    JobIdentity identity = identity_;
    identity.source[0].credentials = other;
    Authorizer another(identity, resources_, fetch);
    EXPECT_THAT(another.Authorize(Bearer("auth.example.com"), cancellation_),
                IsOkAndHolds("Bearer bobs"));
  }
  EXPECT_EQ(orders_.size(), 5u);
}

TEST_F(AuthorizerTest, OtherScopesAreOtherTokens) {
  EXPECT_OK(Ask(Bearer("auth.example.com")).status());
  JobIdentity identity = identity_;
  identity.source[0].scopes = {"repository:lib/other:pull"};
  bool fetched = false;
  Authorizer another(identity, resources_, [&](const TokenOrder&, const Cancellation&) {
    fetched = true;
    broker::TokenResponse response;
    response.set_token("t");
    return response;
  });
  EXPECT_OK(another.Authorize(Bearer("auth.example.com"), cancellation_).status());
  EXPECT_TRUE(fetched);
}

TEST_F(AuthorizerTest, RefusedTokenIsFetchedAgain) {
  EXPECT_OK(Ask(Bearer("auth.example.com")).status());
  token_ = std::string("newer");
  broker::Authorize question = Bearer("auth.example.com");
  question.set_refused(true);
  EXPECT_THAT(Ask(question), IsOkAndHolds("Bearer newer"));
  EXPECT_EQ(orders_.size(), 2u);
}

TEST_F(AuthorizerTest, MissingScopeIsAskedForWhereItIsTheJobsOwn) {
  EXPECT_OK(Ask(Bearer("auth.example.com")).status());
  broker::Authorize question = Bearer("auth.example.com");
  question.set_refused(true);
  question.set_insufficient(true);
  question.set_scope("repository:lib/app:metadata,pull");
  EXPECT_OK(Ask(question).status());
  EXPECT_THAT(orders_.at(1).job.token().scopes(), ElementsAre("repository:lib/app:metadata,pull"));
}

TEST(WidenScopes, StaysWithTheJobsRepositories) {
  const std::vector<std::string> granted = {"repository:a/b:pull"};
  EXPECT_THAT(WidenScopes(granted, "repository:a/b:pull,push"),
              ElementsAre("repository:a/b:pull,push"));
  EXPECT_THAT(WidenScopes(granted, "repository:a/b:pull repository:a/b:*"),
              ElementsAre("repository:a/b:pull", "repository:a/b:*"));
  for (const std::string wanted :
       {"", "repository:a/c:pull", "repository:a/b:pull repository:other:pull",
        "registry:catalog:*", "repository:a/b", "repository:a:pull", "repository:a/b/c:pull", "*",
        "repository::pull", "repository:a/b:x\n"}) {
    EXPECT_EQ(WidenScopes(granted, wanted), granted) << wanted;
  }
  EXPECT_THAT(WidenScopes({}, "repository:a/b:pull"), testing::IsEmpty());
}

TEST_F(AuthorizerTest, ShortLivesAreLengthenedAndLongOnesNotUsedUp) {
  valid_seconds_ = 0;
  EXPECT_OK(Ask(Bearer("auth.example.com")).status());
  EXPECT_OK(Ask(Bearer("auth.example.com")).status());
  EXPECT_EQ(orders_.size(), 1u);
}

TEST_F(AuthorizerTest, ErrorsOfTheAuthWorkerAreTold) {
  token_ = MakeError(absl::StatusCode::kUnauthenticated, "REGISTRY_UNAUTHORIZED", "no such user");
  EXPECT_EQ(ErrorReason(Ask(Bearer("auth.example.com")).status()), "REGISTRY_UNAUTHORIZED");
}

TEST_F(AuthorizerTest, TokenThatIsNoHeaderIsNotPassedOn) {
  for (const std::string token : {"", "a b", "a\r\nX: y"}) {
    token_ = token;
    EXPECT_THAT(Ask(Bearer("auth.example.com")).status(), StatusIs(absl::StatusCode::kInternal));
  }
}

TEST_F(AuthorizerTest, MalformedQuestionsAreViolations) {
  std::vector<broker::Authorize> questions(10, Bearer("auth.example.com"));
  questions[0].set_endpoint(1);
  questions[1].set_scheme(broker::AUTH_SCHEME_UNSPECIFIED);
  questions[2].set_realm_host("");
  questions[3].set_realm_host("a\nb");
  questions[4].set_realm_port(0);
  questions[5].set_realm_port(65536);
  questions[6].set_realm_target("token");
  questions[7].set_realm_target("/t\r\nX: y");
  questions[8].set_service("\x01");
  questions[9].set_realm_host(std::string(254, 'a'));
  for (const broker::Authorize& question : questions) {
    EXPECT_EQ(ErrorReason(Ask(question).status()), "WORKER_VIOLATION")
        << question.ShortDebugString();
  }
  EXPECT_TRUE(orders_.empty());
}

TEST_F(AuthorizerTest, QuestionsAreBounded) {
  for (int i = 0; i < Authorizer::kMaxCalls; ++i) {
    EXPECT_OK(Ask(Basic()).status());
  }
  EXPECT_EQ(ErrorReason(Ask(Basic()).status()), "LIMIT_EXCEEDED");
}

}  // namespace
}  // namespace holkas
