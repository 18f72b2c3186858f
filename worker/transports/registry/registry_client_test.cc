#include "worker/transports/registry/registry_client.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "worker/transports/registry/registry_fixture.h"

namespace holkas {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr char kBasic[] = "Basic YWxpY2U6czNjcmV0";  // alice:s3cret

class RegistryClientTest : public RegistryFixture {
 protected:
  // The status of an answer to GET of `path`, its body read.
  static absl::StatusOr<int> StatusOf(RegistryClient& client, std::string path = "x") {
    absl::StatusOr<std::unique_ptr<RegistryAnswer>> answer = client.Send({.path = std::move(path)});
    if (!answer.ok()) {
      return answer.status();
    }
    (*answer)->Discard();
    return (*answer)->head().status;
  }

  static std::string Sent(const ScriptedRequest& request) {
    const auto header = request.headers.find("authorization");
    return header == request.headers.end() ? "" : header->second;
  }

  // The service answers challenges with the password.
  void UsePassword() {
    broker_.set_authorize([](const broker::Authorize&) { return std::string(kBasic); });
  }
};

TEST_F(RegistryClientTest, AsksBelowItsRepository) {
  ServeInTurn({{}});
  const auto client = NewClient();
  EXPECT_THAT(StatusOf(*client, "tags/list"), IsOkAndHolds(200));
  EXPECT_THAT(Requests(), ElementsAre("GET /v2/lib/app/tags/list"));
  EXPECT_EQ(server_->requests()[0].headers.at("host"), "registry.test:5000");
  EXPECT_EQ(server_->requests()[0].headers.at("user-agent"), "holkas/1.0");
}

TEST_F(RegistryClientTest, FindsOutOnceThatThereIsNoTls) {
  ServeInTurn({{}});
  const auto client = NewClient();
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(StatusOf(*client), IsOkAndHolds(200));
  }
  EXPECT_EQ(server_->connections(), 2);  // the hello, and the one that is kept
}

TEST_F(RegistryClientTest, ThreadsShareTheOneProbe) {
  ServeInTurn({{}});
  const auto client = NewClient();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] { EXPECT_THAT(StatusOf(*client), IsOkAndHolds(200)); });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_LE(server_->connections(), 5);
}

TEST_F(RegistryClientTest, NeverSpeaksPlainHttpUnasked) {
  image_.set_plain_http_allowed(false);
  ServeInTurn({{}});
  const auto client = NewClient();
  EXPECT_THAT(StatusOf(*client), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_TRUE(server_->requests().empty());
}

TEST_F(RegistryClientTest, ServerThatWantsTlsIsNotSpokenToInTheClear) {
  ServeInTurn({{.status = 400, .body = "Client sent an HTTP request to an HTTPS server."}});
  const auto client = NewClient();
  EXPECT_THAT(StatusOf(*client), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("https://")));
}

TEST_F(RegistryClientTest, UnreachableRegistryIsUnavailableAfterFourAttempts) {
  ServeInTurn({{}});
  server_.reset();
  const auto client = NewClient();
  const absl::Status status = StatusOf(*client).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable,
                               HasSubstr("pinging container registry registry.test:5000: Get "
                                         "\"http://registry.test:5000/v2/\": ")));
  EXPECT_EQ(ErrorReason(status), "REGISTRY_UNAVAILABLE");
  EXPECT_EQ(broker_.connections().size(), 8u);  // https and http, each time
  EXPECT_EQ(sleeps_.size(), 3u);
}

TEST_F(RegistryClientTest, DeniedAddressIsNotTriedAgain) {
  ServeInTurn({{}});
  broker_.set_fault([](absl::string_view) {
    return MakeError(absl::StatusCode::kPermissionDenied, "ADDRESS_DENIED", "denied");
  });
  const auto client = NewClient();
  const absl::Status status = StatusOf(*client).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_EQ(ErrorReason(status), "ADDRESS_DENIED");
  EXPECT_EQ(broker_.connections().size(), 1u);
}

TEST_F(RegistryClientTest, StallIsNotTriedAgain) {
  ServeInTurn({{.cut_after = 0, .then = Then::kStall}});
  const auto client = NewClient();
  EXPECT_THAT(StatusOf(*client),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("no byte for")));
  EXPECT_EQ(server_->requests().size(), 1u);
}

TEST_F(RegistryClientTest, TriesAgainAfterTroubleOfTheRegistry) {
  for (const int status : {408, 500, 502, 503, 504}) {
    sleeps_.clear();
    ServeInTurn({{.status = status}, {.status = status}, {.status = status}, {.status = 200}});
    const auto client = NewClient();
    EXPECT_THAT(StatusOf(*client), IsOkAndHolds(200));
    ASSERT_EQ(sleeps_.size(), 3u);
    EXPECT_LT(sleeps_[0], sleeps_[2]);
  }
}

TEST_F(RegistryClientTest, GivesUpAfterFourAttempts) {
  ServeInTurn({{.status = 502}});
  const auto client = NewClient();
  EXPECT_THAT(StatusOf(*client), IsOkAndHolds(502));
  EXPECT_EQ(server_->requests().size(), 4u);
}

TEST_F(RegistryClientTest, RegistryThatAnsweredBeforeIsWaitedForLonger) {
  ServeInTurn({{.status = 200}, {.status = 502}});
  const auto client = NewClient();
  EXPECT_THAT(StatusOf(*client), IsOkAndHolds(200));
  EXPECT_THAT(StatusOf(*client), IsOkAndHolds(502));
  EXPECT_EQ(server_->requests().size(), 1u + 8u);
}

TEST_F(RegistryClientTest, RetriesOfOneJobAreBounded) {
  ServeInTurn({{.status = 502}});
  const auto client = NewClient();
  for (int i = 0; i < 2 * RetryBudget::kMaxRetries; ++i) {
    EXPECT_THAT(StatusOf(*client), IsOkAndHolds(502));
  }
  EXPECT_EQ(sleeps_.size(), static_cast<size_t>(RetryBudget::kMaxRetries));
}

TEST_F(RegistryClientTest, WaitsAsLongAsTheRegistryAsks) {
  ServeInTurn({{.status = 429, .headers = {{"Retry-After", "7"}}},
               {.status = 429, .headers = {{"Retry-After", "86400"}}},
               {.status = 200}});
  const auto client = NewClient();
  EXPECT_THAT(StatusOf(*client), IsOkAndHolds(200));
  EXPECT_THAT(sleeps_, ElementsAre(absl::Seconds(7), absl::Seconds(60)));
}

TEST_F(RegistryClientTest, TriesAgainAfterAReset) {
  ServeInTurn({{}, {.cut_after = 0, .then = Then::kReset}, {.status = 204}});
  const auto client = NewClient();
  EXPECT_THAT(StatusOf(*client), IsOkAndHolds(200));
  EXPECT_THAT(StatusOf(*client), IsOkAndHolds(204));
}

TEST_F(RegistryClientTest, MalformedChunksAreNotAskedForAgain) {
  ServeInTurn({{}, {.raw = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}});
  const auto client = NewClient();
  EXPECT_THAT(StatusOf(*client), IsOkAndHolds(200));
  EXPECT_THAT(StatusOf(*client),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("chunked-encoding")));
  EXPECT_EQ(server_->requests().size(), 2u);
  EXPECT_THAT(sleeps_, IsEmpty());
}

TEST_F(RegistryClientTest, HangUpOnTheFirstHelloIsTriedOnceMore) {
  image_.set_plain_http_allowed(false);
  for (const Then then : {Then::kClose, Then::kReset}) {
    sleeps_.clear();
    ServeInTurn({{}});
    server_->AnswerHellosWith({.cut_after = 0, .then = then});
    const auto client = NewClient();
    EXPECT_THAT(StatusOf(*client), StatusIs(absl::StatusCode::kUnavailable,
                                            HasSubstr("perhaps it speaks plain HTTP")));
    EXPECT_EQ(server_->connections(), 2);
    EXPECT_EQ(sleeps_.size(), 1u);
  }
}

TEST_F(RegistryClientTest, AnswerThatIsNoTlsIsFinal) {
  image_.set_plain_http_allowed(false);
  ServeInTurn({{}});
  server_->AnswerHellosWith({.status = 400, .then = Then::kClose});
  const auto client = NewClient();
  EXPECT_THAT(StatusOf(*client),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("perhaps it speaks plain HTTP")));
  EXPECT_EQ(server_->connections(), 1);
}

TEST_F(RegistryClientTest, AnswerThatBreaksOffIsAskedForAgain) {
  const ScriptedReply whole = {.body = R"({"tags":["a"]})"};
  ScriptedReply cut = whole;
  cut.cut_after = 50;
  cut.then = Then::kClose;
  ServeInTurn({cut, cut, whole});
  const auto client = NewClient();
  ASSERT_OK_AND_ASSIGN(const auto answer, client->Send({.path = "tags/list"}));
  EXPECT_THAT(answer->exchange().ReadAll(100), IsOkAndHolds(whole.body));
  EXPECT_EQ(server_->requests().size(), 3u);
}

TEST_F(RegistryClientTest, PasswordWaitsUntilTheRegistryAsksForIt) {
  UsePassword();
  Serve([](const ScriptedRequest& request) -> ScriptedReply {
    if (Sent(request) == kBasic) {
      return {.status = 200};
    }
    return {.status = 401, .headers = {{"WWW-Authenticate", "Basic realm=\"r\""}}};
  });
  const auto client = NewClient();
  EXPECT_THAT(StatusOf(*client), IsOkAndHolds(200));
  EXPECT_THAT(StatusOf(*client), IsOkAndHolds(200));
  const std::vector<ScriptedRequest> requests = server_->requests();
  ASSERT_EQ(requests.size(), 3u);
  EXPECT_EQ(Sent(requests[0]), "");
  EXPECT_EQ(Sent(requests[2]), kBasic);  // learned
}

TEST_F(RegistryClientTest, WrongPasswordIsSentOnce) {
  UsePassword();
  ServeInTurn({{.status = 401, .headers = {{"WWW-Authenticate", "Basic realm=\"r\""}}}});
  const auto client = NewClient();
  EXPECT_THAT(StatusOf(*client), IsOkAndHolds(401));
  EXPECT_EQ(server_->requests().size(), 2u);
}

TEST_F(RegistryClientTest, ExpiredTokenIsRenewedOnce) {
  std::vector<broker::Authorize> questions;
  broker_.set_authorize([&questions](const broker::Authorize& question) {
    questions.push_back(question);
    return absl::StrCat("Bearer t", questions.size());
  });
  Serve([](const ScriptedRequest& request) -> ScriptedReply {
    if (Sent(request) == "Bearer t2") {
      return {};
    }
    return {.status = 401,
            .headers = {{"WWW-Authenticate", "Bearer realm=\"https://auth.test/t\""}}};
  });
  const auto client = NewClient();
  EXPECT_THAT(StatusOf(*client), IsOkAndHolds(200));
  ASSERT_EQ(questions.size(), 2u);
  EXPECT_FALSE(questions[0].refused());
  EXPECT_TRUE(questions[1].refused());
  EXPECT_EQ(questions[0].realm_host(), "auth.test");
}

TEST_F(RegistryClientTest, RegistryThatRefusesEveryTokenIsNotAskedForEver) {
  int asked = 0;
  broker_.set_authorize(
      [&asked](const broker::Authorize&) { return absl::StrCat("Bearer t", ++asked); });
  ServeInTurn(
      {{.status = 401, .headers = {{"WWW-Authenticate", "Bearer realm=\"https://auth.test/t\""}}}});
  const auto client = NewClient();
  EXPECT_THAT(StatusOf(*client), IsOkAndHolds(401));
  EXPECT_EQ(server_->requests().size(), 3u);
  EXPECT_EQ(asked, 2);
}

TEST_F(RegistryClientTest, ThreadsThatAreRefusedTogetherAskOnce) {
  std::atomic<int> asked = 0;
  broker_.set_authorize([&asked](const broker::Authorize&) {
    ++asked;
    return std::string(kBasic);
  });
  Serve([](const ScriptedRequest& request) -> ScriptedReply {
    if (Sent(request) == kBasic) {
      return {};
    }
    return {.status = 401, .headers = {{"WWW-Authenticate", "Basic realm=\"r\""}}};
  });
  const auto client = NewClient();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] { EXPECT_THAT(StatusOf(*client), IsOkAndHolds(200)); });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(asked, 1);
}

TEST_F(RegistryClientTest, ErrorOfTheServiceIsTheRequests) {
  broker_.set_authorize([](const broker::Authorize&) -> absl::StatusOr<std::string> {
    return MakeError(absl::StatusCode::kPermissionDenied, "REALM_DENIED", "not to them");
  });
  ServeInTurn(
      {{.status = 401, .headers = {{"WWW-Authenticate", "Bearer realm=\"https://auth.test/t\""}}}});
  const auto client = NewClient();
  const absl::Status status = StatusOf(*client).status();
  EXPECT_EQ(ErrorReason(status), "REALM_DENIED");
  EXPECT_EQ(server_->requests().size(), 1u);
}

TEST_F(RegistryClientTest, TokenThatFailedIsNotAskedForByEachThread) {
  std::atomic<int> asked = 0;
  broker_.set_authorize([&asked](const broker::Authorize&) -> absl::StatusOr<std::string> {
    ++asked;
    return MakeError(absl::StatusCode::kUnavailable, "REGISTRY_UNAVAILABLE", "no byte for 30s");
  });
  ServeInTurn(
      {{.status = 401, .headers = {{"WWW-Authenticate", "Bearer realm=\"https://auth.test/t\""}}}});
  const auto client = NewClient();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      EXPECT_THAT(StatusOf(*client), StatusIs(absl::StatusCode::kUnavailable, "no byte for 30s"));
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(asked, 1);
}

TEST_F(RegistryClientTest, BasePathIsBelowNoRepository) {
  ServeInTurn({{}});
  const auto client = NewClient();
  EXPECT_THAT(StatusOf(*client, ""), IsOkAndHolds(200));
  EXPECT_THAT(Requests(), ElementsAre("GET /v2/"));
}

TEST_F(RegistryClientTest, TokenIsSentAtOnce) {
  image_.set_authorization("Bearer t0ken");
  ServeInTurn({{}});
  const auto client = NewClient();
  EXPECT_THAT(StatusOf(*client), IsOkAndHolds(200));
  EXPECT_EQ(Sent(server_->requests().at(0)), "Bearer t0ken");
}

TEST_F(RegistryClientTest, RedirectElsewhereGetsNoCredentialsAndCountsAsRedirect) {
  image_.set_authorization("Bearer canary");
  ScriptedServer cdn([](const ScriptedRequest&) { return ScriptedReply{.body = "blob"}; });
  broker_.Route("cdn.test", 80, cdn.port());
  ServeInTurn({{.status = 307, .headers = {{"Location", "http://cdn.test/b?sig=1"}}}});
  const auto client = NewClient();
  ASSERT_OK_AND_ASSIGN(auto answer, client->Send({.path = "blobs/x"}));
  EXPECT_THAT(answer->exchange().ReadAll(10), IsOkAndHolds("blob"));
  const ScriptedRequest got = cdn.requests().at(0);
  EXPECT_EQ(got.target, "/b?sig=1");
  for (const auto& [name, value] : got.headers) {
    EXPECT_THAT(value, Not(HasSubstr("canary"))) << name;
  }
  EXPECT_EQ(broker_.connections().back().purpose, broker::PURPOSE_REDIRECT);
  EXPECT_EQ(broker_.connections().back().host, "cdn.test");
}

TEST_F(RegistryClientTest, SameHostOnAnotherPortIsElsewhere) {
  image_.set_authorization("Bearer canary");
  ScriptedServer other([](const ScriptedRequest&) { return ScriptedReply{}; });
  broker_.Route("registry.test", 5001, other.port());
  ServeInTurn({{.status = 302, .headers = {{"Location", "http://registry.test:5001/"}}}});
  const auto client = NewClient();
  EXPECT_THAT(StatusOf(*client), IsOkAndHolds(200));
  EXPECT_EQ(Sent(other.requests().at(0)), "");
}

TEST_F(RegistryClientTest, RedirectWithinTheRegistryKeepsCredentials) {
  image_.set_authorization("Bearer t");
  Serve([](const ScriptedRequest& request) -> ScriptedReply {
    return request.target == "/moved"
               ? ScriptedReply{}
               : ScriptedReply{.status = 308, .headers = {{"Location", "/moved"}}};
  });
  const auto client = NewClient();
  EXPECT_THAT(StatusOf(*client), IsOkAndHolds(200));
  EXPECT_EQ(Sent(server_->requests().at(1)), "Bearer t");
}

TEST_F(RegistryClientTest, ChallengeFromElsewhereGetsNoPassword) {
  UsePassword();
  ScriptedServer thief([](const ScriptedRequest&) {
    return ScriptedReply{.status = 401, .headers = {{"WWW-Authenticate", "Basic realm=\"r\""}}};
  });
  broker_.Route("thief.test", 80, thief.port());
  ServeInTurn({{.status = 302, .headers = {{"Location", "http://thief.test/"}}}});
  const auto client = NewClient();
  EXPECT_THAT(StatusOf(*client), IsOkAndHolds(401));
  ASSERT_EQ(thief.requests().size(), 1u);
  EXPECT_EQ(Sent(thief.requests()[0]), "");
  EXPECT_EQ(server_->requests().size(), 1u);
}

TEST_F(RegistryClientTest, RedirectsAreBounded) {
  const ScriptedReply redirect = {.status = 302, .headers = {{"Location", "/again?sig=canary"}}};
  std::vector<ScriptedReply> replies(kMaxRedirects, redirect);
  replies.push_back({.status = 204});
  ServeInTurn(replies);
  EXPECT_THAT(StatusOf(*NewClient()), IsOkAndHolds(204));
  ServeInTurn({redirect});
  const absl::Status status = StatusOf(*NewClient()).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted,
                               "Get \"http://registry.test:5000/again\": more than 5 redirects"));
  EXPECT_EQ(ErrorReason(status), "LIMIT_EXCEEDED");
  EXPECT_EQ(server_->requests().size(), 6u);
  EXPECT_THAT(sleeps_, IsEmpty());
}

TEST_F(RegistryClientTest, LocationIsReadUpToItsBound) {
  const std::string longest = "/?" + std::string(kMaxUrlBytes - 2, 'x');
  ServeInTurn({{.status = 302, .headers = {{"Location", longest}}}, {.status = 204}});
  EXPECT_THAT(StatusOf(*NewClient()), IsOkAndHolds(204));
  ServeInTurn({{.status = 302, .headers = {{"Location", longest + "x"}}}});
  const absl::Status status = StatusOf(*NewClient()).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted,
                               "Get \"http://registry.test:5000/v2/lib/app/x\": the registry's "
                               "Location: a URL of more than 16384 bytes"));
  EXPECT_EQ(ErrorReason(status), "LIMIT_EXCEEDED");
}

TEST_F(RegistryClientTest, WritesAreNotRedirected) {
  ServeInTurn({{.status = 307, .headers = {{"Location", "/elsewhere"}}}});
  const auto client = NewClient();
  ASSERT_OK_AND_ASSIGN(auto answer, client->Send({.method = "PUT", .path = "x", .body = "b"}));
  EXPECT_EQ(answer->head().status, 307);
  EXPECT_EQ(server_->requests().size(), 1u);
}

TEST_F(RegistryClientTest, MalformedLocationIsUnavailable) {
  for (const std::string location : {"", "ftp://x.test/", "http://user:pw@x.test/"}) {
    ServeInTurn({{.status = 302, .headers = {{"Location", location}}}});
    const auto client = NewClient();
    EXPECT_THAT(StatusOf(*client),
                StatusIs(absl::StatusCode::kUnavailable,
                         HasSubstr("Get \"http://registry.test:5000/v2/lib/app/x\": the "
                                   "registry's Location: malformed URL")))
        << location;
  }
}

TEST_F(RegistryClientTest, MalformedLocationIsToldWithTheUrlThatGaveIt) {
  ServeInTurn({{.status = 307, .headers = {{"Location", "/there?sig=canary"}}},
               {.status = 307, .headers = {{"Location", "ftp://x.test/?sig=canary"}}}});
  const absl::Status status = StatusOf(*NewClient()).status();
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("Get \"http://registry.test:5000/there\": the registry's")));
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("canary")));
}

TEST_F(RegistryClientTest, MessagesShowNoQueriesAndNoPasswords) {
  UsePassword();
  broker_.Route("cdn.test", 80, 1);  // nobody listens
  ServeInTurn({{.status = 307, .headers = {{"Location", "http://cdn.test/b?sig=canary"}}}});
  const auto client = NewClient();
  const absl::Status status = StatusOf(*client).status();
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("Get \"http://cdn.test/b\"")));
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("canary")));
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("s3cret")));
}

TEST_F(RegistryClientTest, MalformedAuthorityIsInvalid) {
  image_.mutable_certificates()->set_ca_pem("not a certificate");
  const absl::Status status =
      RegistryClient::New(
          {.broker = broker_, .place = broker::PLACE_SOURCE, .image = image_, .user_agent = ""})
          .status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(ErrorReason(status), "INVALID_FIELD");
}

}  // namespace
}  // namespace holkas
