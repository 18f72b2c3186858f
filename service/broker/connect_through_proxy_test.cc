#include "service/broker/connect_through_proxy.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "service/broker/endpoint.h"
#include "service/broker/test_tls.h"
#include "service/broker/tls_relays.h"
#include "service/broker/tls_stream.h"

namespace holkas {
namespace {

using absl::StatusCode;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kAccepted[] = "HTTP/1.1 200 Connection established\r\n\r\n";

// Long enough for a reader to see what is there so far. Nothing depends on whether it does.
constexpr absl::Duration kBetweenPieces = absl::Milliseconds(2);

// A proxy on 127.0.0.1 that takes one request and answers with these pieces, each in a packet of
// its own. It keeps the connection, unless it is to hang up.
class ScriptedProxy {
 public:
  explicit ScriptedProxy(std::vector<std::string> answer, bool hangs_up = false)
      : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
        answer_(std::move(answer)),
        hangs_up_(hangs_up) {
    Endpoint any = Endpoint::FromText("127.0.0.1", 0);
    EXPECT_EQ(bind(listener_.get(), &any.address(), any.size), 0);
    EXPECT_EQ(listen(listener_.get(), 1), 0);
    any.size = sizeof(any.storage);
    EXPECT_EQ(getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&any.storage), &any.size),
              0);
    proxy_.host = "127.0.0.1";
    proxy_.port = ntohs(reinterpret_cast<sockaddr_in&>(any.storage).sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~ScriptedProxy() {
    shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }

  Proxy& proxy() { return proxy_; }
  std::string name() const { return absl::StrCat(proxy_.host, ":", proxy_.port); }
  // After the answer came.
  const std::string& request() const { return request_; }

 private:
  void Serve() {
    peer_ = UniqueFd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    const int on = 1;
    setsockopt(peer_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    char buffer[4096];
    while (peer_.valid() && !absl::EndsWith(request_, "\r\n\r\n")) {
      const ssize_t size = read(peer_.get(), buffer, sizeof buffer);
      if (size <= 0) {
        return;
      }
      request_.append(buffer, static_cast<size_t>(size));
    }
    for (const std::string& piece : answer_) {
      if (send(peer_.get(), piece.data(), piece.size(), MSG_NOSIGNAL) < 0) {
        return;
      }
      absl::SleepFor(kBetweenPieces);
    }
    if (hangs_up_) {
      shutdown(peer_.get(), SHUT_WR);
    }
  }

  UniqueFd listener_;
  UniqueFd peer_;
  const std::vector<std::string> answer_;
  const bool hangs_up_;
  Proxy proxy_;
  std::string request_;
  std::thread thread_;
};

class ConnectThroughProxyTest : public testing::Test {
 protected:
  absl::StatusOr<UniqueFd> Connect(const Proxy& proxy, const std::string& host = "registry.test",
                                   absl::Duration limit = absl::Seconds(10)) {
    return ConnectThroughProxy(proxy, host, 443, resolver_, relays_, absl::Now() + limit,
                               cancellation_);
  }
  static Proxy ProxyAt(const TestServer& server, Proxy::Kind kind,
                       const std::string& host = "proxy.test") {
    Proxy proxy;
    proxy.kind = kind;
    proxy.host = host;
    proxy.port = server.port();
    return proxy;
  }

  // Knows no names: those of registries are not asked for.
  Resolver resolver_{4, [this](const std::string& host, uint16_t port) {
                       ++look_ups_;
                       return host == "proxy.test"
                                  ? std::vector<Endpoint>{Endpoint::FromText("127.0.0.1", port)}
                                  : std::vector<Endpoint>();
                     }};
  std::atomic<int> look_ups_ = 0;
  Cancellation cancellation_;
  TlsContext tls_;
  TlsRelays relays_{tls_};
};

TEST_F(ConnectThroughProxyTest, SocketIsTheTunnelFromItsFirstByte) {
  ScriptedProxy proxy({"HTTP/1.1 200 OK\r\nVia: 1.1 p\r\n\r\nfirst bytes"});
  ASSERT_OK_AND_ASSIGN(const UniqueFd socket, Connect(proxy.proxy()));
  EXPECT_EQ(proxy.request(),
            "CONNECT registry.test:443 HTTP/1.1\r\nHost: registry.test:443\r\n\r\n");
  char buffer[100];
  const ssize_t size = read(socket.get(), buffer, sizeof buffer);
  EXPECT_EQ(std::string(buffer, static_cast<size_t>(size)), "first bytes");
  EXPECT_EQ(fcntl(socket.get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_EQ(fcntl(socket.get(), F_GETFD), FD_CLOEXEC);
  EXPECT_EQ(look_ups_, 0);
}

TEST_F(ConnectThroughProxyTest, HeadMayComeInPieces) {
  std::vector<std::string> pieces;
  for (const char c : std::string(kAccepted)) {
    pieces.emplace_back(1, c);
  }
  pieces.emplace_back("tunnel");
  ScriptedProxy proxy(pieces);
  ASSERT_OK_AND_ASSIGN(const UniqueFd socket, Connect(proxy.proxy()));
  char buffer[6];
  EXPECT_EQ(recv(socket.get(), buffer, sizeof buffer, MSG_WAITALL), 6);
  EXPECT_EQ(std::string(buffer, sizeof buffer), "tunnel");
}

TEST_F(ConnectThroughProxyTest, ProxyIsLookedUpAndTheRegistryIsNot) {
  ScriptedProxy proxy({kAccepted});
  proxy.proxy().host = "proxy.test";
  EXPECT_OK(Connect(proxy.proxy()));
  EXPECT_EQ(look_ups_, 1);
}

TEST_F(ConnectThroughProxyTest, CredentialsGoToTheProxy) {
  ScriptedProxy proxy({kAccepted});
  proxy.proxy().authorization = "Basic bWU6c2VjcmV0";
  EXPECT_OK(Connect(proxy.proxy()));
  EXPECT_THAT(proxy.request(), HasSubstr("\r\nProxy-Authorization: Basic bWU6c2VjcmV0\r\n\r\n"));
}

TEST_F(ConnectThroughProxyTest, Ipv6TargetsHaveBrackets) {
  ScriptedProxy proxy({kAccepted});
  EXPECT_OK(Connect(proxy.proxy(), "2001:db8::1"));
  EXPECT_THAT(proxy.request(), HasSubstr("CONNECT [2001:db8::1]:443 HTTP/1.1\r\n"));
}

TEST_F(ConnectThroughProxyTest, OtherStatusIsToldWithTheProxysName) {
  for (const char* status :
       {"403 Forbidden", "407 Proxy Authentication Required", "502 Bad Gateway", "301 Moved",
        "204 No Content", "2000", "100 Continue"}) {
    ScriptedProxy proxy({absl::StrCat("HTTP/1.1 ", status, "\r\n\r\n<html>")});
    proxy.proxy().authorization = "Basic bWU6c2VjcmV0";
    const absl::Status error = Connect(proxy.proxy()).status();
    EXPECT_THAT(error, StatusIs(StatusCode::kUnavailable,
                                absl::StrCat("proxyconnect tcp: proxy ", proxy.name(),
                                             ": CONNECT registry.test:443: ", status)));
    EXPECT_EQ(ErrorReason(error), "REGISTRY_UNAVAILABLE");
    EXPECT_THAT(error.message(), Not(HasSubstr("c2VjcmV0")));
  }
}

TEST_F(ConnectThroughProxyTest, StatusOfAForeignerIsPrintableAndCut) {
  ScriptedProxy proxy({absl::StrCat("HTTP/1.1 500 \x1b[31m", std::string(500, 'x'), "\r\n\r\n")});
  const absl::Status error = Connect(proxy.proxy()).status();
  EXPECT_THAT(error, StatusIs(StatusCode::kUnavailable, HasSubstr("500 \\x1b[31mxxx")));
  EXPECT_LT(error.message().size(), 250u);
}

TEST_F(ConnectThroughProxyTest, WhatIsNoHttpIsAnError) {
  for (const char* answer : {"SSH-2.0-OpenSSH_9\r\n\r\n", "\r\n\r\n", "HTTP/2 200\r\n\r\n",
                             "HTTP/1.1\r\n\r\n", " 200 OK\r\n\r\n"}) {
    ScriptedProxy proxy({answer});
    EXPECT_THAT(Connect(proxy.proxy()),
                StatusIs(StatusCode::kUnavailable, HasSubstr("malformed HTTP response")))
        << answer;
  }
}

TEST_F(ConnectThroughProxyTest, EndOfTheConnectionIsAnError) {
  for (const char* answer : {"", "HTTP/1.1 200 OK\r\n"}) {
    ScriptedProxy proxy({answer}, /*hangs_up=*/true);
    EXPECT_THAT(Connect(proxy.proxy()),
                StatusIs(StatusCode::kUnavailable, HasSubstr("unexpected EOF")));
  }
}

TEST_F(ConnectThroughProxyTest, LongHeadIsRefused) {
  ScriptedProxy longest(
      {absl::StrCat("HTTP/1.1 200 OK\r\nX: ", std::string((16 << 10) - 24, 'x'), "\r\n\r\n")});
  EXPECT_OK(Connect(longest.proxy()));
  ScriptedProxy longer(
      {absl::StrCat("HTTP/1.1 200 OK\r\nX: ", std::string((16 << 10) - 23, 'x'), "\r\n\r\n")});
  EXPECT_THAT(Connect(longer.proxy()),
              StatusIs(StatusCode::kUnavailable, HasSubstr("larger than 16384 bytes")));
}

TEST_F(ConnectThroughProxyTest, SilenceEndsWithTheTime) {
  for (const char* answer : {"", "HTTP/1.1 200 OK\r\n"}) {
    ScriptedProxy proxy({answer});
    EXPECT_THAT(Connect(proxy.proxy(), "registry.test", absl::Milliseconds(50)),
                StatusIs(StatusCode::kUnavailable, HasSubstr("i/o timeout")));
  }
}

TEST_F(ConnectThroughProxyTest, CancellationEndsTheWaiting) {
  ScriptedProxy proxy({""});
  std::thread canceller([this] { cancellation_.Cancel(); });
  EXPECT_THAT(Connect(proxy.proxy()), StatusIs(StatusCode::kCancelled));
  canceller.join();
}

TEST_F(ConnectThroughProxyTest, ProxyThatIsNotReachedIsTold) {
  Proxy nobody;
  nobody.host = "nobody.test";
  EXPECT_THAT(Connect(nobody), StatusIs(StatusCode::kUnavailable,
                                        "proxyconnect tcp: dial tcp: lookup nobody.test: no such "
                                        "host"));
  Proxy refusing;
  refusing.host = "127.0.0.1";
  refusing.port = 1;
  EXPECT_THAT(Connect(refusing), StatusIs(StatusCode::kUnavailable,
                                          "proxyconnect tcp: dial tcp 127.0.0.1:1: connect: "
                                          "connection refused"));
}

TEST_F(ConnectThroughProxyTest, WhatIsNoHostIsNotAskedFor) {
  ScriptedProxy proxy({kAccepted});
  for (const char* host : {"", "a\r\nX: y", "a b", "a/b", "user@a"}) {
    EXPECT_THAT(Connect(proxy.proxy(), host), StatusIs(StatusCode::kPermissionDenied));
  }
  EXPECT_EQ(proxy.request(), "");
}

TEST_F(ConnectThroughProxyTest, SocksGivesTheTunnelFromItsFirstByte) {
  std::string asked;
  TestServer server([&](TestPeer& peer) {
    peer.Receive();
    peer.Send(absl::string_view("\x05\x00", 2));
    asked = peer.Receive();
    peer.Send(absl::string_view("\x05\x00\x00\x01\0\0\0\0\0\0", 10));
    peer.Send("first bytes.");
  });
  ASSERT_OK_AND_ASSIGN(const UniqueFd socket, Connect(ProxyAt(server, Proxy::Kind::kSocks5)));
  EXPECT_EQ(TestPeer(socket.get()).ReceiveUntil("."), "first bytes.");
  EXPECT_THAT(asked, HasSubstr("registry.test"));
  EXPECT_EQ(fcntl(socket.get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_EQ(look_ups_, 1);
  EXPECT_EQ(relays_.size(), 0);
}

TEST_F(ConnectThroughProxyTest, SocksRefusalNamesTheProxyAndNotItsUser) {
  TestServer server([&](TestPeer& peer) {
    peer.Receive();
    peer.Send(absl::string_view("\x05\x02", 2));
    peer.Receive();
    peer.Send("\x01\x01");
  });
  Proxy proxy = ProxyAt(server, Proxy::Kind::kSocks5);
  proxy.user = "me-canary";
  proxy.password = "s3cret";
  const absl::Status error = Connect(proxy).status();
  EXPECT_THAT(error, StatusIs(StatusCode::kUnavailable,
                              absl::StrCat("proxyconnect tcp: proxy proxy.test:", server.port(),
                                           ": socks: username/password authentication failed")));
}

class ConnectThroughTlsProxyTest : public ConnectThroughProxyTest {
 protected:
  ConnectThroughTlsProxyTest() { certificate_.Trust(); }

  const TestCertificate certificate_{"DNS:proxy.test"};
};

TEST_F(ConnectThroughTlsProxyTest, TunnelIsWithinTls) {
  std::string request;
  std::string worker_said;
  TestServer server(
      [&](TestPeer& peer) {
        request = peer.ReceiveUntil("\r\n\r\n");
        // In one record: the worker gets what is behind the head.
        peer.Send(absl::StrCat(kAccepted, "first "));
        peer.Send("bytes.");
        worker_said = peer.ReceiveUntil(".");
      },
      &certificate_);
  Proxy proxy = ProxyAt(server, Proxy::Kind::kHttps);
  proxy.authorization = "Basic bWU6c2VjcmV0";
  ASSERT_OK_AND_ASSIGN(const UniqueFd socket, Connect(proxy));
  TestPeer worker(socket.get());
  EXPECT_EQ(worker.ReceiveUntil("."), "first bytes.");
  worker.Send("hello.");
  server.Join();
  EXPECT_EQ(request,
            "CONNECT registry.test:443 HTTP/1.1\r\nHost: registry.test:443\r\n"
            "Proxy-Authorization: Basic bWU6c2VjcmV0\r\n\r\n");
  EXPECT_EQ(worker_said, "hello.");
  EXPECT_EQ(fcntl(socket.get(), F_GETFL) & O_NONBLOCK, 0);
}

TEST_F(ConnectThroughTlsProxyTest, HeadMayComeInManyRecords) {
  TestServer server(
      [](TestPeer& peer) {
        peer.ReceiveUntil("\r\n\r\n");
        for (const char c : absl::StrCat(kAccepted, "tunnel.")) {
          peer.Send(absl::string_view(&c, 1));
        }
      },
      &certificate_);
  ASSERT_OK_AND_ASSIGN(const UniqueFd socket, Connect(ProxyAt(server, Proxy::Kind::kHttps)));
  EXPECT_EQ(TestPeer(socket.get()).ReceiveUntil("."), "tunnel.");
}

TEST_F(ConnectThroughTlsProxyTest, ProxyThatIsSomebodyElseHearsNothing) {
  bool was_played = false;
  TestServer server([&](TestPeer&) { was_played = true; }, &certificate_);
  Proxy proxy = ProxyAt(server, Proxy::Kind::kHttps, "127.0.0.1");
  proxy.authorization = "Basic bWU6c2VjcmV0";
  const absl::Status error = Connect(proxy).status();
  EXPECT_THAT(error, StatusIs(StatusCode::kUnavailable,
                              absl::StrCat("proxyconnect tcp: proxy 127.0.0.1:", server.port(),
                                           ": tls: failed to verify certificate: IP address "
                                           "mismatch")));
  EXPECT_EQ(ErrorReason(error), "REGISTRY_UNAVAILABLE");
  server.Join();
  EXPECT_FALSE(was_played);
}

TEST_F(ConnectThroughTlsProxyTest, RefusalIsToldWithoutWhatTheProxyWasShown) {
  TestServer server(
      [](TestPeer& peer) {
        peer.ReceiveUntil("\r\n\r\n");
        peer.Send("HTTP/1.1 407 not with bWU6c2VjcmV0\r\n\r\n");
      },
      &certificate_);
  Proxy proxy = ProxyAt(server, Proxy::Kind::kHttps);
  proxy.authorization = "Basic bWU6c2VjcmV0";
  EXPECT_THAT(Connect(proxy), StatusIs(StatusCode::kUnavailable, HasSubstr("407 not with ***")));
  EXPECT_EQ(relays_.size(), 0);
}

TEST_F(ConnectThroughTlsProxyTest, SilenceEndsWithTheTime) {
  // Of the handshake; of the answer.
  TestServer mute([](TestPeer&) {});
  EXPECT_THAT(Connect(ProxyAt(mute, Proxy::Kind::kHttps), "registry.test", absl::Milliseconds(50)),
              StatusIs(StatusCode::kUnavailable, HasSubstr("i/o timeout")));
  TestServer busy([](TestPeer& peer) { peer.ReceiveUntil("\r\n\r\n"); }, &certificate_);
  EXPECT_THAT(Connect(ProxyAt(busy, Proxy::Kind::kHttps), "registry.test", absl::Milliseconds(200)),
              StatusIs(StatusCode::kUnavailable, HasSubstr("i/o timeout")));
}

TEST_F(ConnectThroughTlsProxyTest, CancellationEndsTheWaiting) {
  TestServer mute([](TestPeer&) {});
  std::thread canceller([this] { cancellation_.Cancel(); });
  EXPECT_THAT(Connect(ProxyAt(mute, Proxy::Kind::kHttps)), StatusIs(StatusCode::kCancelled));
  canceller.join();
}

TEST_F(ConnectThroughTlsProxyTest, LongHeadIsRefused) {
  TestServer server(
      [](TestPeer& peer) {
        peer.ReceiveUntil("\r\n\r\n");
        peer.Send(absl::StrCat("HTTP/1.1 200 OK\r\nX: ", std::string(17 << 10, 'x')));
      },
      &certificate_);
  EXPECT_THAT(Connect(ProxyAt(server, Proxy::Kind::kHttps)),
              StatusIs(StatusCode::kUnavailable, HasSubstr("larger than 16384 bytes")));
}

}  // namespace
}  // namespace holkas
