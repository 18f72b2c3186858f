// Connections that a worker asks for.

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "service/broker/broker_session_fixture.h"
#include "service/broker/proxy_settings.h"
#include "service/broker/test_tls.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;

TEST_F(BrokerSessionTest, ConnectGivesASocketThatWorks) {
  TestSession session(CopyJob());
  session.Ready();
  std::vector<UniqueFd> fds;
  broker::Reply reply =
      session.Call(ConnectFrame(broker::PURPOSE_REGISTRY, "127.0.0.1", listener_.port()), &fds);
  ASSERT_EQ(reply.code(), 0) << reply.message();
  int flags = fcntl(fds.at(0).get(), F_GETFL);
  EXPECT_EQ(flags & O_NONBLOCK, 0);
  int no_delay = 0;
  socklen_t size = sizeof(no_delay);
  ASSERT_EQ(getsockopt(fds[0].get(), IPPROTO_TCP, TCP_NODELAY, &no_delay, &size), 0);
  EXPECT_EQ(no_delay, 1);
  EXPECT_FALSE(listener_.Untouched());
}

TEST_F(BrokerSessionTest, ConnectionsElsewhereAreDeniedWithoutBeingTried) {
  TestListener other;
  TestSession session(CopyJob());
  session.Ready();
  struct Row {
    broker::Purpose purpose;
    std::string host;
    uint32_t port;
  };
  for (const Row& row : std::vector<Row>{
           {broker::PURPOSE_REGISTRY, "127.0.0.1", other.port()},
           {broker::PURPOSE_REGISTRY, "127.0.0.2", listener_.port()},
           {broker::PURPOSE_REGISTRY, "localhost", listener_.port()},
           {broker::PURPOSE_REGISTRY, "", listener_.port()},
           {broker::PURPOSE_REGISTRY, "127.0.0.1", 0},
           {broker::PURPOSE_REGISTRY, "127.0.0.1", 65536u + listener_.port()},
           {broker::PURPOSE_REDIRECT, "127.0.0.1", other.port()},
           {broker::PURPOSE_REDIRECT, "localhost", other.port()},
           {broker::PURPOSE_REDIRECT, "2130706433", other.port()},
           {broker::PURPOSE_REDIRECT, "127.1", other.port()},
           {broker::PURPOSE_REDIRECT, "::1", other.port()},
           {broker::PURPOSE_REDIRECT, "::ffff:127.0.0.1", other.port()},
           {broker::PURPOSE_REDIRECT, "169.254.169.254", 80},
           {broker::PURPOSE_REDIRECT, std::string(300, 'a'), 443},
       }) {
    broker::Reply reply = session.Call(ConnectFrame(row.purpose, row.host, row.port));
    EXPECT_EQ(reply.code(), kPermissionDenied) << row.host << " " << reply.message();
    EXPECT_EQ(reply.reason(), "ADDRESS_DENIED") << row.host;
  }
  EXPECT_TRUE(other.Untouched());
  EXPECT_TRUE(listener_.Untouched());
  EXPECT_EQ(
      session.Call(ConnectFrame(broker::PURPOSE_REDIRECT, "127.0.0.1", listener_.port())).code(),
      0);
}

TEST_F(BrokerSessionTest, NameThatLeadsInsideIsDeniedEvenWhereOneAddressIsPublic) {
  BrokerResources rebinding;
  rebinding.resolver = Resolver(4, [this](const std::string&, uint16_t) {
    return absl::StatusOr<std::vector<Endpoint>>(std::vector<Endpoint>{
        Endpoint::FromText("8.8.8.8", 443), Endpoint::FromText("127.0.0.1", listener_.port())});
  });
  BrokerSession::Options options = CopyJob();
  options.resources = &rebinding;
  TestSession session(std::move(options));
  session.Ready();
  broker::Reply reply =
      session.Call(ConnectFrame(broker::PURPOSE_REDIRECT, "cdn.example", listener_.port()));
  EXPECT_EQ(reply.code(), kPermissionDenied);
  EXPECT_THAT(reply.message(), HasSubstr("127.0.0.1: a loopback address"));
  EXPECT_TRUE(listener_.Untouched());
}

TEST_F(BrokerSessionTest, RedirectsCanBeForbidden) {
  BrokerSession::Options options = CopyJob();
  options.grants.follow_redirects = false;
  TestSession session(std::move(options));
  session.Ready();
  EXPECT_EQ(session.Call(ConnectFrame(broker::PURPOSE_REDIRECT, "cdn.example", 443)).code(),
            kPermissionDenied);
}

TEST_F(BrokerSessionTest, ConnectionsAndRedirectHostsAreLimited) {
  BrokerResources nowhere;
  nowhere.resolver = Resolver(4, [](const std::string&, uint16_t) {
    return absl::StatusOr<std::vector<Endpoint>>(std::vector<Endpoint>());
  });
  BrokerSession::Options options = CopyJob();
  options.grants.max_connections = 10;
  options.resources = &nowhere;
  TestSession session(std::move(options));
  session.Ready();
  constexpr int kExhausted = static_cast<int>(absl::StatusCode::kResourceExhausted);
  for (int i = 1; i <= 11; ++i) {
    broker::Reply reply = session.Call(
        ConnectFrame(broker::PURPOSE_REDIRECT, absl::StrCat("cdn", i, ".example"), 443));
    EXPECT_EQ(reply.code(), i <= 8 ? static_cast<int>(absl::StatusCode::kUnavailable) : kExhausted)
        << i << reply.message();
  }
}

TEST_F(BrokerSessionTest, DaemonIsReachedByTheNameThatItHasInTheJob) {
  TestSession session(DaemonJob());
  session.Ready();
  std::vector<UniqueFd> fds;
  broker::Reply reply = session.Call(ConnectFrame(broker::PURPOSE_DAEMON, "localhost", 80), &fds);
  ASSERT_EQ(reply.code(), 0) << reply.message();
  TestPeer worker(fds.at(0).get());
  UniqueFd accepted = daemon_.Accept();
  TestPeer daemon(accepted.get());
  EXPECT_TRUE(worker.Send("a."));
  EXPECT_EQ(daemon.ReceiveUntil("."), "a.");
  for (const auto& [host, port] : std::vector<std::pair<std::string, uint32_t>>{
           {"localhost", 81}, {"127.0.0.1", 80}, {daemon_.path(), 80}, {"", 0}}) {
    reply = session.Call(ConnectFrame(broker::PURPOSE_DAEMON, host, port));
    EXPECT_EQ(reply.reason(), "ADDRESS_DENIED") << host << " " << reply.message();
  }
  EXPECT_FALSE(daemon_.Accept().valid());
}

TEST_F(BrokerSessionTest, DaemonOverTcpIsReachedAtWhateverAddress) {
  BrokerSession::Options options = DaemonJob();
  options.grants.source_daemon->daemon =
      *DaemonHost::Parse(absl::StrCat("http://127.0.0.1:", listener_.port()));
  options.grants.source_daemon->host = "127.0.0.1";
  options.grants.source_daemon->port = listener_.port();
  TestSession session(std::move(options));
  session.Ready();
  EXPECT_EQ(
      session.Call(ConnectFrame(broker::PURPOSE_DAEMON, "127.0.0.1", listener_.port())).code(), 0);
  EXPECT_FALSE(listener_.Untouched());
}

TEST_F(BrokerSessionTest, DaemonThatIsNotThereIsUnavailableInDockersWords) {
  BrokerSession::Options options = DaemonJob();
  options.grants.source_daemon->daemon.unix_path = "/nonexistent/docker.sock";
  TestSession session(std::move(options));
  session.Ready();
  const broker::Reply reply = session.Call(ConnectFrame(broker::PURPOSE_DAEMON, "localhost", 80));
  EXPECT_EQ(reply.code(), static_cast<int>(absl::StatusCode::kUnavailable));
  EXPECT_EQ(reply.reason(), "DAEMON_UNAVAILABLE");
  EXPECT_EQ(reply.message(),
            "Cannot connect to the Docker daemon at unix:///nonexistent/docker.sock. Is the docker "
            "daemon running?");
}

TEST_F(BrokerSessionTest, TunnelThroughAProxyOverTlsEndsWithTheJob) {
  const TestCertificate certificate("IP:127.0.0.1");
  certificate.Trust();
  TestServer proxy(
      [](TestPeer& peer) {
        peer.ReceiveUntil("\r\n\r\n");
        peer.Send("HTTP/1.1 200 OK\r\n\r\nhello.");
        peer.ReceiveAll();
      },
      &certificate);
  const std::string url = absl::StrCat("https://127.0.0.1:", proxy.port());
  BrokerSession::Options options = InspectJob();
  options.grants.source_registry = RegistryGrant{"registry.example", {443}};
  resources_.egress.proxies = ProxySettings(
      [&url](const char* name) { return absl::string_view(name) == "HTTPS_PROXY" ? url : ""; });
  TestSession session(std::move(options));
  session.Ready();
  std::vector<UniqueFd> fds;
  const broker::Reply reply =
      session.Call(ConnectFrame(broker::PURPOSE_REGISTRY, "registry.example", 443), &fds);
  ASSERT_EQ(reply.code(), 0) << reply.message();
  TestPeer worker(fds.at(0).get());
  EXPECT_EQ(worker.ReceiveUntil("."), "hello.");
  EXPECT_TRUE(worker.Send("world"));
  cancelled_ = true;
  EXPECT_THAT(session.Outcome().status, StatusIs(absl::StatusCode::kCancelled));
  // The worker holds its end still.
  EXPECT_EQ(worker.Receive(), "");
  EXPECT_FALSE(worker.Send("anything"));
  proxy.Join();
}

}  // namespace
}  // namespace holkas
