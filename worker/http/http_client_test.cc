#include "worker/http/http_client.h"

#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "worker/http/testing/recording_broker.h"
#include "worker/http/testing/scripted_server.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;
using Framing = ScriptedReply::Framing;
using Then = ScriptedReply::Then;

constexpr PeerPatience kShortPatience = {.idle = absl::Milliseconds(200)};

class HttpClientTest : public testing::Test {
 protected:
  HttpClientTest() {
    EXPECT_OK(InitializeHttp());
    tls_ = std::make_unique<TlsSettings>(*TlsSettings::New({}, true));
  }

  void Serve(ScriptedServer::Script script) {
    server_ = std::make_unique<ScriptedServer>(std::move(script));
    broker_.Route("registry.test", 80, server_->port());
    client_ =
        *HttpClient::New({broker_, broker::PLACE_SOURCE, *tls_, "holkas/1.0", kShortPatience});
  }
  void Serve(const ScriptedReply& reply) {
    Serve([reply](const ScriptedRequest&) { return reply; });
  }

  static HttpRequest Get(std::string target = "/") {
    return {.url = Url(Origin{false, "registry.test", 80}, std::move(target))};
  }

  // The whole body of a GET.
  absl::StatusOr<std::string> Fetch(const HttpRequest& request, size_t max_bytes = 8 << 20) {
    exchange_.reset();
    exchange_ = *client_->Start(request);
    const absl::StatusOr<const HttpResponse*> response = exchange_->AwaitResponse();
    if (!response.ok()) {
      return response.status();
    }
    return exchange_->ReadAll(max_bytes);
  }

  RecordingBroker broker_;
  std::unique_ptr<TlsSettings> tls_;
  std::unique_ptr<ScriptedServer> server_;
  std::unique_ptr<HttpClient> client_;
  std::unique_ptr<HttpExchange> exchange_;
};

TEST_F(HttpClientTest, SendsNoMoreThanWhatItWasTold) {
  Serve(ScriptedReply{.body = "x"});
  HttpRequest request = Get("/v2/a/manifests/1?q=%2F");
  request.headers = {{"Accept", "a/b"}, {"Authorization", "Basic eDp5"}};
  ASSERT_THAT(Fetch(request), IsOkAndHolds("x"));
  const ScriptedRequest got = server_->requests().at(0);
  EXPECT_EQ(got.method, "GET");
  EXPECT_EQ(got.target, "/v2/a/manifests/1?q=%2F");
  const std::map<std::string, std::string> want = {{"host", "registry.test"},
                                                   {"user-agent", "holkas/1.0"},
                                                   {"accept", "a/b"},
                                                   {"authorization", "Basic eDp5"},
                                                   {"", ""}};
  EXPECT_EQ(got.headers, want);
}

TEST_F(HttpClientTest, TakesItsConnectionFromTheBrokerAndKeepsIt) {
  Serve(ScriptedReply{.body = "x"});
  for (int i = 0; i < 3; ++i) {
    ASSERT_THAT(Fetch(Get()), IsOkAndHolds("x"));
  }
  const std::vector<RecordingBroker::Connection> connections = broker_.connections();
  ASSERT_EQ(connections.size(), 1u);
  EXPECT_EQ(connections[0].place, broker::PLACE_SOURCE);
  EXPECT_EQ(connections[0].purpose, broker::PURPOSE_REGISTRY);
  EXPECT_EQ(connections[0].host, "registry.test");
  EXPECT_EQ(connections[0].port, 80);
  EXPECT_EQ(server_->connections(), 1);
}

TEST_F(HttpClientTest, BrokersRefusalIsTheError) {
  Serve(ScriptedReply{});
  broker_.set_fault([](absl::string_view) {
    return MakeError(absl::StatusCode::kPermissionDenied, "ADDRESS_DENIED", "no grant");
  });
  EXPECT_THAT(Fetch(Get()), StatusIs(absl::StatusCode::kPermissionDenied, "no grant"));
  EXPECT_EQ(exchange_->failure(), HttpFailure::kDenied);
}

TEST_F(HttpClientTest, BrokersFailureToConnectIsAConnectFailure) {
  Serve(ScriptedReply{});
  broker_.set_fault([](absl::string_view) {
    return MakeError(absl::StatusCode::kUnavailable, "REGISTRY_UNAVAILABLE", "refused");
  });
  EXPECT_THAT(Fetch(Get()), StatusIs(absl::StatusCode::kUnavailable, "refused"));
  EXPECT_EQ(exchange_->failure(), HttpFailure::kConnect);
}

TEST_F(HttpClientTest, ConnectsToAnAddressAsToAName) {
  Serve(ScriptedReply{.body = "x"});
  for (const std::string host : {"127.0.0.1", "::1"}) {
    broker_.Route(host, 5000, server_->port());
    ASSERT_THAT(Fetch({.url = Url(Origin{false, host, 5000}, "/")}), IsOkAndHolds("x"));
  }
  EXPECT_EQ(server_->requests().at(1).headers.at("host"), "[::1]:5000");
}

// libcurl looks up by itself what it has no address for.
TEST_F(HttpClientTest, BrokerIsAskedForWhatOnlyLooksLikeAnAddress) {
  Serve(ScriptedReply{.body = "x"});
  for (const std::string host : {"127.0.0.1.", "127.1.", "2130706433.", "0x7f000001.", "0x7f.1.",
                                 "0.", "1.2.3.4.5", "256.0.0.1", "4294967296", "1..2", "host."}) {
    broker_.Route(host, 5000, server_->port());
    ASSERT_THAT(Fetch({.url = Url(Origin{false, host, 5000}, "/")}), IsOkAndHolds("x")) << host;
    EXPECT_EQ(broker_.connections().back().host, host);
  }
}

TEST_F(HttpClientTest, ReadsBodiesOfEachFraming) {
  const std::string body(3'000'000, 'b');
  for (const Framing framing : {Framing::kLength, Framing::kChunked, Framing::kClose}) {
    Serve(ScriptedReply{.body = body, .framing = framing});
    ASSERT_THAT(Fetch(Get()), IsOkAndHolds(body));
    EXPECT_TRUE(exchange_->complete());
  }
}

TEST_F(HttpClientTest, SmallReadsGetEveryByteInOrder) {
  std::string body;
  for (int i = 0; body.size() < 1 << 20; ++i) {
    absl::StrAppend(&body, i, ",");
  }
  Serve(ScriptedReply{.body = body});
  exchange_ = *client_->Start(Get());
  ASSERT_OK(exchange_->AwaitResponse());
  std::string got;
  char piece[777];
  while (true) {
    ASSERT_OK_AND_ASSIGN(const size_t count, exchange_->Read(absl::MakeSpan(piece)));
    if (count == 0) {
      break;
    }
    got.append(piece, count);
  }
  EXPECT_EQ(got, body);
}

TEST_F(HttpClientTest, PiecesAreEveryByteInOrder) {
  std::string body;
  for (int i = 0; body.size() < (4 << 20); ++i) {
    absl::StrAppend(&body, i, " ");
  }
  for (const Framing framing : {Framing::kLength, Framing::kChunked, Framing::kClose}) {
    Serve(ScriptedReply{.body = body, .framing = framing});
    exchange_ = *client_->Start(Get());
    ASSERT_OK(exchange_->AwaitResponse().status());
    std::string buffer(kReceiveBufferBytes, '\0');
    std::string got;
    int64_t lent_bytes = 0;
    while (true) {
      ASSERT_OK_AND_ASSIGN(const absl::string_view piece,
                           exchange_->ReadPiece(absl::MakeSpan(buffer)));
      if (piece.empty()) {
        break;
      }
      EXPECT_LE(piece.size(), buffer.size());
      absl::StrAppend(&got, piece);
      lent_bytes += piece.data() == buffer.data() ? 0 : static_cast<int64_t>(piece.size());
      // A reader that is slower than the socket finds much in it.
      absl::SleepFor(absl::Milliseconds(1));
    }
    EXPECT_EQ(got, body);
    EXPECT_TRUE(exchange_->complete());
    if (framing != Framing::kChunked) {
      EXPECT_GT(lent_bytes, 0);
    }
    exchange_.reset();
  }
}

TEST_F(HttpClientTest, HeadHasLengthAndNoBody) {
  Serve(ScriptedReply{.body = "12345"});
  HttpRequest request = Get();
  request.method = "HEAD";
  ASSERT_THAT(Fetch(request), IsOkAndHolds(""));
  ASSERT_OK_AND_ASSIGN(const HttpResponse* head, exchange_->AwaitResponse());
  EXPECT_EQ(head->content_length, 5);
}

TEST_F(HttpClientTest, ShortBodyIsAReset) {
  Serve(ScriptedReply{.body = std::string(1000, 'x'), .cut_after = 500, .then = Then::kClose});
  EXPECT_THAT(Fetch(Get()), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(exchange_->failure(), HttpFailure::kReset);
  EXPECT_FALSE(exchange_->complete());
}

TEST_F(HttpClientTest, BytesBeforeAResetAreGivenFirst) {
  Serve(
      ScriptedReply{.headers = {{"Content-Length", "1000"}}, .body = "abc", .then = Then::kClose});
  exchange_ = *client_->Start(Get());
  ASSERT_OK(exchange_->AwaitResponse());
  char piece[100];
  EXPECT_THAT(exchange_->Read(absl::MakeSpan(piece)), IsOkAndHolds(3u));
  EXPECT_THAT(exchange_->Read(absl::MakeSpan(piece)), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(exchange_->Read(absl::MakeSpan(piece)), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(HttpClientTest, BytesBeyondTheLengthAreNotTheBody) {
  Serve(
      ScriptedReply{.headers = {{"Content-Length", "3"}}, .body = "abcdef", .then = Then::kClose});
  EXPECT_THAT(Fetch(Get()), IsOkAndHolds("abc"));
}

TEST_F(HttpClientTest, MalformedChunksAreNoReset) {
  for (const std::string body :
       {"zz\r\n", "\r\n", "-1\r\n", "3\r\nabcX", "1\r\nab\r\n", "11111111111111111\r\n"}) {
    Serve(ScriptedReply{.raw = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body});
    EXPECT_THAT(Fetch(Get()),
                StatusIs(absl::StatusCode::kUnavailable, HasSubstr("chunked-encoding")))
        << body;
    EXPECT_EQ(exchange_->failure(), HttpFailure::kMalformed) << body;
  }
}

TEST_F(HttpClientTest, ChunksThatBreakOffAreAReset) {
  for (const Then then : {Then::kClose, Then::kReset}) {
    for (const std::string body :
         {"", "3", "3\r\n", "3\r\nab", "3\r\nabc", "3\r\nabc\r\n", "3\r\nabc\r\n0\r\n"}) {
      Serve(ScriptedReply{.raw = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body,
                          .then = then});
      EXPECT_THAT(Fetch(Get()), StatusIs(absl::StatusCode::kUnavailable)) << body;
      EXPECT_EQ(exchange_->failure(), HttpFailure::kReset) << body;
    }
  }
}

TEST_F(HttpClientTest, ResetBeforeTheHeadIsAReset) {
  Serve(ScriptedReply{.cut_after = 0, .then = Then::kReset});
  EXPECT_THAT(Fetch(Get()), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(exchange_->failure(), HttpFailure::kReset);
}

TEST_F(HttpClientTest, StallBeforeTheHeadEndsAfterTheIdleTime) {
  Serve(ScriptedReply{.cut_after = 10, .then = Then::kStall});
  const absl::Time begin = absl::Now();
  EXPECT_THAT(Fetch(Get()),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("no byte for 200ms")));
  EXPECT_EQ(exchange_->failure(), HttpFailure::kStall);
  EXPECT_LT(absl::Now() - begin, absl::Seconds(2));
}

TEST_F(HttpClientTest, StallInTheBodyEndsAfterTheIdleTime) {
  Serve(ScriptedReply{.headers = {{"Content-Length", "9"}}, .body = "abc", .then = Then::kStall});
  EXPECT_THAT(Fetch(Get()),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("no byte for 200ms")));
  EXPECT_EQ(ErrorReason(Fetch(Get()).status()), "REGISTRY_UNAVAILABLE");
}

TEST_F(HttpClientTest, TimeSpentElsewhereIsNoStall) {
  Serve(ScriptedReply{.body = std::string(100, 'x')});
  exchange_ = *client_->Start(Get());
  ASSERT_OK(exchange_->AwaitResponse());
  absl::SleepFor(absl::Milliseconds(300));  // the caller is busy for longer than the peer may be
  EXPECT_THAT(exchange_->ReadAll(100), IsOkAndHolds(std::string(100, 'x')));
}

TEST_F(HttpClientTest, HeadersBeyondTheBoundAreResourceExhausted) {
  ScriptedReply reply;
  for (int i = 0; i < 70; ++i) {
    reply.headers.emplace_back(absl::StrCat("X-", i), std::string(1000, 'h'));
  }
  Serve(reply);
  EXPECT_THAT(Fetch(Get()), StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("65536")));
  EXPECT_EQ(exchange_->failure(), HttpFailure::kLimit);
}

// An answer of so many bytes of heads, the last header of which has most of them.
std::string WithHeadOf(size_t bytes) {
  const std::string begin = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nX: ";
  return absl::StrCat(begin, std::string(bytes - begin.size() - 4, 'h'), "\r\n\r\n", "b");
}

TEST_F(HttpClientTest, HeadIsReadUpToItsBound) {
  Serve(ScriptedReply{.raw = WithHeadOf(kMaxHeadBytes)});
  EXPECT_THAT(Fetch(Get()), IsOkAndHolds("b"));
  // libcurl keeps no header of more than 100 KiB, and says nothing of it to anybody.
  for (const size_t bytes :
       {kMaxHeadBytes + 1, size_t{90} << 10, size_t{110} << 10, size_t{1} << 20}) {
    Serve(ScriptedReply{.raw = WithHeadOf(bytes)});
    const absl::Status status = Fetch(Get()).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted,
                                 HasSubstr("more than 65536 bytes of headers")))
        << bytes;
    EXPECT_EQ(ErrorReason(status), "LIMIT_EXCEEDED");
    EXPECT_EQ(exchange_->failure(), HttpFailure::kLimit);
  }
}

TEST_F(HttpClientTest, HeaderThatNeverEndsIsResourceExhausted) {
  Serve(ScriptedReply{.raw = "HTTP/1.1 200 OK\r\nX: " + std::string(1 << 20, 'h')});
  EXPECT_THAT(Fetch(Get()), StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("65536")));
  EXPECT_EQ(exchange_->failure(), HttpFailure::kLimit);
}

TEST_F(HttpClientTest, TrailerIsReadUpToItsBound) {
  const auto with_trailer = [](size_t line_bytes) {
    return ScriptedReply{
        .raw =
            absl::StrCat("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nb\r\n0\r\nX: ",
                         std::string(line_bytes - 5, 't'), "\r\n\r\n")};
  };
  Serve(with_trailer(kMaxTrailerLineBytes));
  EXPECT_THAT(Fetch(Get()), IsOkAndHolds("b"));
  Serve(with_trailer(kMaxTrailerLineBytes + 1));
  EXPECT_THAT(Fetch(Get()), StatusIs(absl::StatusCode::kResourceExhausted,
                                     HasSubstr("a line of more than 4095 bytes")));
  EXPECT_EQ(exchange_->failure(), HttpFailure::kLimit);
}

TEST_F(HttpClientTest, InterimResponsesAreReadUpToTheirBound) {
  const auto after_interim = [](int count) {
    std::string flood;
    for (int i = 0; i < count; ++i) {
      flood += "HTTP/1.1 103 Early Hints\r\n\r\n";
    }
    return ScriptedReply{.raw = flood + "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb"};
  };
  Serve(after_interim(kMaxResponses - 1));
  EXPECT_THAT(Fetch(Get()), IsOkAndHolds("b"));
  Serve(after_interim(kMaxResponses));
  EXPECT_THAT(Fetch(Get()), StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("100 heads")));
}

TEST_F(HttpClientTest, InterimResponseIsPassedOver) {
  Serve(ScriptedReply{.raw = "HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n"
                             "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"});
  ASSERT_THAT(Fetch(Get()), IsOkAndHolds("ok"));
  ASSERT_OK_AND_ASSIGN(const HttpResponse* head, exchange_->AwaitResponse());
  EXPECT_EQ(head->status, 200);
  EXPECT_EQ(head->Header("x-early"), "");
}

TEST_F(HttpClientTest, WhatIsNotHttpIsUnavailable) {
  Serve(ScriptedReply{.raw = "220 smtp.test ESMTP\r\n\x1b[31m", .then = Then::kClose});
  const absl::StatusOr<std::string> body = Fetch(Get());
  EXPECT_THAT(body, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(exchange_->failure(), HttpFailure::kHttpVersion);
  EXPECT_EQ(body.status().message().find('\x1b'), absl::string_view::npos);
}

TEST_F(HttpClientTest, ReadAllStopsAtItsBound) {
  Serve(ScriptedReply{.body = std::string(1001, 'x')});
  EXPECT_THAT(Fetch(Get(), 1001), IsOkAndHolds(std::string(1001, 'x')));
  EXPECT_THAT(Fetch(Get(), 1000),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("1000")));
}

TEST_F(HttpClientTest, RedirectIsAnAnswerLikeOthers) {
  Serve(ScriptedReply{.status = 307, .headers = {{"Location", "http://elsewhere.test/"}}});
  ASSERT_THAT(Fetch(Get()), IsOkAndHolds(""));
  ASSERT_OK_AND_ASSIGN(const HttpResponse* head, exchange_->AwaitResponse());
  EXPECT_EQ(head->status, 307);
  EXPECT_EQ(head->Header("location"), "http://elsewhere.test/");
  EXPECT_EQ(broker_.connections().size(), 1u);
}

TEST_F(HttpClientTest, StreamsABodyOfKnownAndOfUnknownSize) {
  Serve(ScriptedReply{.status = 202});
  const std::string piece(300'000, 'p');
  for (const int64_t size : {int64_t{900'000}, int64_t{-1}}) {
    HttpRequest request = Get("/upload");
    request.method = "PATCH";
    request.body = HttpRequest::Body::kStream;
    request.stream_size_bytes = size;
    exchange_.reset();
    exchange_ = *client_->Start(request);
    for (int i = 0; i < 3; ++i) {
      ASSERT_OK(exchange_->Write(piece));
    }
    exchange_->EndBody();
    ASSERT_OK_AND_ASSIGN(const HttpResponse* head, exchange_->AwaitResponse());
    EXPECT_EQ(head->status, 202);
    const ScriptedRequest got = server_->requests().back();
    EXPECT_EQ(got.method, "PATCH");
    EXPECT_EQ(got.body, absl::StrCat(piece, piece, piece));
    EXPECT_EQ(got.headers.count("expect"), 0u);
    EXPECT_EQ(got.headers.count(size < 0 ? "transfer-encoding" : "content-length"), 1u);
    ASSERT_THAT(exchange_->ReadAll(0), IsOkAndHolds(""));
  }
  EXPECT_EQ(server_->connections(), 1);
}

TEST_F(HttpClientTest, AnswerBeforeTheEndOfABodyStopsTheBody) {
  Serve(ScriptedReply{.status = 413});
  HttpRequest request = Get("/upload");
  request.method = "PATCH";
  // What the server takes for the length of the body, so that it answers early.
  request.headers = {{"Content-Length", "5"}};
  request.body = HttpRequest::Body::kStream;
  request.stream_size_bytes = 10'000'000;
  exchange_ = *client_->Start(request);
  absl::Status status;
  for (int i = 0; i < 1000 && status.ok(); ++i) {
    status = exchange_->Write(std::string(10'000, 'x'));
  }
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kAborted));
  ASSERT_OK_AND_ASSIGN(const HttpResponse* head, exchange_->AwaitResponse());
  EXPECT_EQ(head->status, 413);
}

TEST_F(HttpClientTest, SendsBytesWithTheirLength) {
  Serve(ScriptedReply{.status = 201});
  HttpRequest request = Get("/v2/a/manifests/1");
  request.method = "PUT";
  request.headers = {{"Content-Type", "application/x"}};
  request.body = HttpRequest::Body::kBytes;
  request.bytes = "{}";
  ASSERT_OK(Fetch(request));
  request.method = "POST";
  request.headers.clear();
  request.bytes = "";
  ASSERT_OK(Fetch(request));
  const std::vector<ScriptedRequest> got = server_->requests();
  EXPECT_EQ(got[0].method, "PUT");
  EXPECT_EQ(got[0].body, "{}");
  EXPECT_EQ(got[0].headers.at("content-type"), "application/x");
  EXPECT_EQ(got[1].method, "POST");
  EXPECT_EQ(got[1].headers.at("content-length"), "0");
  EXPECT_EQ(got[1].headers.count("content-type"), 0u);
}

TEST_F(HttpClientTest, LineBreakInAHeaderIsRefused) {
  Serve(ScriptedReply{});
  HttpRequest request = Get();
  request.headers = {{"Accept", "a\r\nX-Injected: 1"}};
  EXPECT_THAT(client_->Start(request).status(), StatusIs(absl::StatusCode::kInvalidArgument));
}

// What a server answers to a TLS hello.
const std::string kServerHello("\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03", 11);

TEST_F(HttpClientTest, ConnectionThatEndsInTheHandshakeIsAReset) {
  const HttpRequest request = {.url = Url(Origin{true, "registry.test", 80}, "/")};
  Serve(ScriptedReply{});
  for (const Then then : {Then::kClose, Then::kReset}) {
    for (const size_t bytes : {size_t{0}, size_t{3}, size_t{5}, kServerHello.size()}) {
      server_->AnswerHellosWith({.raw = kServerHello, .cut_after = bytes, .then = then});
      EXPECT_THAT(Fetch(request), StatusIs(absl::StatusCode::kUnavailable));
      EXPECT_EQ(exchange_->failure(), HttpFailure::kTlsReset) << bytes;
    }
  }
}

TEST_F(HttpClientTest, AnswerThatIsNoTlsIsATlsFailure) {
  const HttpRequest request = {.url = Url(Origin{true, "registry.test", 80}, "/")};
  const std::string alert("\x15\x03\x03\x00\x02\x02\x28", 7);
  const std::string close_notify("\x15\x03\x03\x00\x02\x01\x00", 7);
  const std::string data("\x17\x03\x03\x00\x02xx", 7);
  Serve(ScriptedReply{});
  for (const std::string& answer :
       {std::string("HTTP/1.1 400 Bad Request\r\n\r\n"), std::string("220 smtp.test ESMTP\r\n"),
        alert, close_notify, data}) {
    server_->AnswerHellosWith({.raw = answer, .then = Then::kClose});
    EXPECT_THAT(Fetch(request), StatusIs(absl::StatusCode::kUnavailable));
    EXPECT_EQ(exchange_->failure(), HttpFailure::kTls) << answer;
  }
}

}  // namespace
}  // namespace holkas
