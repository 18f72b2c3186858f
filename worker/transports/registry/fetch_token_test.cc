#include "worker/transports/registry/fetch_token.h"

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"
#include "worker/transports/registry/registry_fixture.h"

namespace holkas {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

int64_t ValidSecondsOf(const std::string& fields) {
  const auto answer = ParseTokenAnswer("{\"token\":\"t\"," + fields + "}", kNow);
  return answer.ok() ? answer->valid_seconds() : -1;
}

TEST(ParseTokenAnswer, TakesEitherField) {
  EXPECT_EQ(ParseTokenAnswer(R"({"token":"a"})", kNow)->token(), "a");
  EXPECT_EQ(ParseTokenAnswer(R"({"access_token":"b"})", kNow)->token(), "b");
  EXPECT_EQ(ParseTokenAnswer(R"({"access_token":"b","token":"a"})", kNow)->token(), "a");
  EXPECT_EQ(ParseTokenAnswer(R"({"access_token":"b","token":""})", kNow)->token(), "b");
}

TEST(ParseTokenAnswer, RefusesWhatIsNoToken) {
  for (const std::string body :
       {"", "<html>", "[]", "{}", R"({"token":1})", R"({"token":""})", R"({"token":"a b"})",
        R"({"token":"a\r\nX: y"})", R"({"token":"\u0000"})", R"({"token":"a")"}) {
    EXPECT_THAT(ParseTokenAnswer(body, kNow).status(), StatusIs(absl::StatusCode::kUnavailable))
        << body;
  }
}

TEST(ParseTokenAnswer, TokenIsBounded) {
  const std::string longest(kMaxTokenBytes, 't');
  EXPECT_OK(ParseTokenAnswer("{\"token\":\"" + longest + "\"}", kNow).status());
  EXPECT_THAT(ParseTokenAnswer("{\"token\":\"" + longest + "t\"}", kNow).status(),
              StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST(ParseTokenAnswer, ReadsForHowLongItIsValid) {
  EXPECT_EQ(ValidSecondsOf("\"expires_in\":300"), 300);
  EXPECT_EQ(ValidSecondsOf("\"expires_in\":1e12"), 24 * 60 * 60);
  EXPECT_EQ(ValidSecondsOf("\"expires_in\":0"), 0);
  EXPECT_EQ(ValidSecondsOf("\"expires_in\":-1"), 0);
  EXPECT_EQ(ValidSecondsOf("\"expires_in\":\"300\""), 0);
  EXPECT_EQ(ValidSecondsOf("\"x\":1"), 0);
}

TEST(ParseTokenAnswer, CountsFromTheTimeOfIssue) {
  const auto issued = [](absl::Duration ago) {
    return absl::StrCat("\"expires_in\":300,\"issued_at\":\"",
                        absl::FormatTime(absl::RFC3339_full, kNow - ago, absl::UTCTimeZone()),
                        "\"");
  };
  EXPECT_EQ(ValidSecondsOf(issued(absl::Seconds(100))), 200);
  EXPECT_EQ(ValidSecondsOf(issued(absl::Seconds(400))), 0);
  EXPECT_EQ(ValidSecondsOf(issued(absl::Seconds(-100))), 300);  // a clock that is ahead
  EXPECT_EQ(ValidSecondsOf("\"expires_in\":300,\"issued_at\":\"yesterday\""), 300);
}

class FetchTokenTest : public RegistryFixture {
 protected:
  FetchTokenTest() {
    request_.set_target("/token?x=y");
    request_.set_service("registry.test");
    request_.add_scopes("repository:a/b:pull");
  }

  absl::StatusOr<broker::TokenResponse> Fetch() { return FetchToken(*NewClient(), request_); }

  broker::TokenRequest request_;
};

TEST_F(FetchTokenTest, AsksWithServiceScopesAndAccount) {
  request_.add_scopes("repository:c:pull,push");
  request_.set_account("al&ice");
  image_.set_authorization("Basic YWxpY2U6czNjcmV0");
  ServeInTurn({{.body = R"({"token":"t","expires_in":60})"}});
  ASSERT_OK_AND_ASSIGN(const broker::TokenResponse response, Fetch());
  EXPECT_EQ(response.token(), "t");
  EXPECT_EQ(response.valid_seconds(), 60);
  EXPECT_THAT(Requests(), ElementsAre("GET /token?x=y&account=al%26ice&service=registry.test&"
                                      "scope=repository%3aa%2fb%3apull&"
                                      "scope=repository%3ac%3apull%2cpush"));
  EXPECT_EQ(server_->requests()[0].headers.at("authorization"), "Basic YWxpY2U6czNjcmV0");
}

TEST_F(FetchTokenTest, AnonymousSendsNoCredentials) {
  ServeInTurn({{.body = R"({"token":"t"})"}});
  EXPECT_OK(Fetch().status());
  EXPECT_EQ(server_->requests()[0].headers.count("authorization"), 0u);
}

TEST_F(FetchTokenTest, IdentityTokenIsPosted) {
  request_.set_identity_token("canary+/=");
  ServeInTurn({{.body = R"({"access_token":"t"})"}});
  EXPECT_OK(Fetch().status());
  EXPECT_THAT(Requests(), ElementsAre("POST /token?x=y"));
  const ScriptedRequest request = server_->requests()[0];
  EXPECT_EQ(request.body,
            "grant_type=refresh_token&client_id=holkas&service=registry.test&"
            "scope=repository%3aa%2fb%3apull&refresh_token=canary%2b%2f%3d");
  EXPECT_EQ(request.headers.at("content-type"), "application/x-www-form-urlencoded");
}

TEST_F(FetchTokenTest, CredentialsDoNotFollowARedirect) {
  image_.set_authorization("Basic canary");
  ScriptedServer thief(
      [](const ScriptedRequest&) { return ScriptedReply{.body = R"({"token":"t"})"}; });
  broker_.Route("thief.test", 80, thief.port());
  ServeInTurn({{.status = 307, .headers = {{"Location", "http://thief.test/token"}}}});
  EXPECT_OK(Fetch().status());
  EXPECT_EQ(thief.requests().at(0).headers.count("authorization"), 0u);
}

TEST_F(FetchTokenTest, IdentityTokenDoesNotFollowARedirect) {
  request_.set_identity_token("canary");
  ScriptedServer thief([](const ScriptedRequest&) { return ScriptedReply{}; });
  broker_.Route("thief.test", 80, thief.port());
  ServeInTurn({{.status = 307, .headers = {{"Location", "http://thief.test/token"}}}});
  EXPECT_THAT(Fetch().status(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(thief.connections(), 0);
}

TEST_F(FetchTokenTest, RefusalIsUnauthenticatedAndShowsNoSecret) {
  image_.set_authorization("Basic canary");
  for (const int status : {401, 403}) {
    ServeInTurn({{.status = status, .body = ErrorBody("UNAUTHORIZED", "no such user")}});
    const absl::Status error = Fetch().status();
    EXPECT_THAT(error, StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("no such user")));
    EXPECT_THAT(std::string(error.message()), Not(HasSubstr("canary")));
  }
}

TEST_F(FetchTokenTest, TroubleOfTheRealmIsTriedAgain) {
  ServeInTurn({{.status = 503}, {.status = 502}, {.body = R"({"token":"t"})"}});
  EXPECT_OK(Fetch().status());
  ServeInTurn({{.status = 500}});
  EXPECT_THAT(Fetch().status(), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(FetchTokenTest, AnswerIsBounded) {
  std::string body = R"({"token":"t","x":")";
  body += std::string(kMaxTokenAnswerBytes - body.size() - 2, 'x') + "\"}";
  ServeInTurn({{.body = body}});
  EXPECT_OK(Fetch().status());
  ServeInTurn({{.body = body + " "}});
  EXPECT_THAT(Fetch().status(), StatusIs(absl::StatusCode::kResourceExhausted));
}

}  // namespace
}  // namespace holkas
