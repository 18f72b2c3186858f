// Every way of writing a forbidden address, and of leading to it, that a worker can ask the broker
// for. A canary listens where they lead: it must stay untouched.

#include "service/broker/egress.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"
#include "proto/wire/unique_fd.h"
#include "service/broker/broker_resources.h"
#include "service/broker/test_session.h"

namespace holkas {
namespace {

// Written by name, the forbidden thing is in the spelling.
const std::string kSpellings[] = {
    // Loopback.
    "127.0.0.1",
    "127.0.0.2",
    "127.255.255.254",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0X7F000001",
    "0x7f.0.0.1",
    "0x7F.1",
    "0x7f.0x0.0x0.0x1",
    "0177.0.0.1",
    "0177.0.0.01",
    "017700000001",
    "127.0.0.01",
    "127.000.000.001",
    "127.0.0.0x1",
    "0",
    "0.0.0.0",
    "0x0",
    "00.0.0.0",
    "127.0.0.1.",
    "127.0.0.1..",
    ".127.0.0.1",
    "2130706433.",
    "::1",
    "[::1]",
    "::0001",
    "0:0:0:0:0:0:0:1",
    "0000:0000:0000:0000:0000:0000:0000:0001",
    "::",
    "::ffff:127.0.0.1",
    "::FFFF:7F00:1",
    "0:0:0:0:0:ffff:7f00:1",
    "::127.0.0.1",
    "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::127.0.0.1",
    "2002:7f00:1::",
    "2002:7f00:0001::1",
    "2001:0:7f00:1::80ff:fffe",
    "::1%lo",
    "::1%25lo",
    "[::1%lo]",
    "fe80::1%eth0",
    "\xe2\x91\xa0\xe2\x91\xa1\xe2\x91\xa6.0.0.1",
    "127\xe3\x80\x82"
    "0\xe3\x80\x82"
    "0\xe3\x80\x82"
    "1",
    "\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1",
    "%31%32%37.0.0.1",
    "127%2e0%2e0%2e1",
    "127.0.0.1%00.example.com",
    std::string("127.0.0.1\0.example.com", 22),
    "127.0.0.1@example.com",
    "example.com@127.0.0.1",
    "user:password@127.0.0.1",
    "127.0.0.1:80",
    "127.0.0.1/",
    "127.0.0.1#example.com",
    "127.0.0.1?example.com",
    "127.0.0.1\\example.com",
    " 127.0.0.1",
    "127.0.0.1 ",
    "\t127.0.0.1",
    "127.0.0.1\r\nX: y",
    "localhost",
    "LOCALHOST",
    "LocalHost",
    "localhost.",
    "localhost.localdomain",
    "sub.localhost",
    "sub.LocalHost",
    "loca%6chost",
    "local\xc2\xadhost",
    "ip6-localhost.localdomain",
    // Metadata of clouds.
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "0xA9.0xFE.0xA9.0xFE",
    "0251.0376.0251.0376",
    "025177524776",
    "169.254.43518",
    "169.16689662",
    "169.254.169.254.",
    "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::",
    "fe80::a9fe:a9fe",
    "metadata",
    "metadata.",
    "metadata.google.internal",
    "Metadata.Google.INTERNAL",
    "metadata.google.internal.",
    "instance-data",
    "instance-data.ec2.internal",
    "metadata.tencentyun.com",
    "fd00:ec2::254",
    "fd20:ce::254",
    "fd00:c1::a9fe:a9fe",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    // Networks that are not everybody's.
    "10.0.0.1",
    "10.1",
    "012.0.0.1",
    "167772161",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "3232235777",
    "0xc0a80101",
    "100.64.0.1",
    "169.254.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "4294967295",
    "::ffff:10.0.0.1",
    "64:ff9b::192.168.1.1",
    "2002:a00:1::",
    "2002:c0a8:101::",
    "fc00::1",
    "fdff::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "100::1",
    "2001:db8::1",
    "3fff::1",
    "5f00::1",
    "vault.internal",
    "printer.local",
    "router.home.arpa",
    // What the administrator denies.
    "8.8.8.8",
    "::ffff:8.8.4.4",
    "64:ff9b::8.8.8.8",
    "2002:808:808::1",
    // What is no host.
    "",
    ".",
    "a..example.com",
    "-a.example.com",
    "a_b/../127.0.0.1",
};

// Names that are as good as any other: what they lead to is forbidden.
const std::map<std::string, std::vector<std::string>> kNames = {
    {"loopback.example", {"127.0.0.1"}},
    {"127.0.0.1.nip.example", {"127.0.0.1"}},
    {"loopback6.example", {"::1"}},
    {"mapped.example", {"::ffff:127.0.0.1"}},
    {"compatible.example", {"::127.0.0.1"}},
    {"translated.example", {"64:ff9b::127.0.0.1"}},
    {"tunnelled.example", {"2002:7f00:1::"}},
    {"zero.example", {"0.0.0.0"}},
    {"mixed.example", {"8.9.9.9", "127.0.0.1"}},
    {"mixed-other.example", {"127.0.0.1", "8.9.9.9"}},
    {"mixed6.example", {"2600::1", "::1"}},
    {"metadata.example", {"169.254.169.254"}},
    {"private.example", {"10.0.0.1"}},
    {"unique-local.example", {"fd00::1"}},
    {"denied.example", {"8.8.8.8"}},
    {"denied-translated.example", {"64:ff9b::8.8.8.8"}},
    {"xn--bcher-kva.example", {"127.0.0.1"}},
};

// Listens on a loopback address.
class Canary {
 public:
  explicit Canary(const std::string& address) {
    Endpoint endpoint = Endpoint::FromText(address, 0);
    socket_ =
        UniqueFd(socket(endpoint.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (bind(socket_.get(), &endpoint.address(), endpoint.size) != 0 ||
        listen(socket_.get(), 64) != 0) {
      socket_.reset();
      return;
    }
    endpoint.size = sizeof(endpoint.storage);
    getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&endpoint.storage), &endpoint.size);
    port_ = ntohs(reinterpret_cast<sockaddr_in&>(endpoint.storage).sin_port);
  }

  // Not where the machine has no such address.
  bool is_there() const { return socket_.valid(); }
  uint16_t port() const { return port_; }
  // How many have connected since the last time.
  int Count() {
    int count = 0;
    while (UniqueFd(accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC)).valid()) {
      ++count;
    }
    return count;
  }

 private:
  UniqueFd socket_;
  uint16_t port_ = 0;
};

// How a worker comes to ask for a host.
enum class Way {
  kRedirectOfSource,       // Location, or the Link to more tags
  kRedirectOfDestination,  // Location of an upload
  kNamedByCaller,          // a registry, or the realm of a token, which nobody vouches for
  kMirror,
};
constexpr Way kWays[] = {Way::kRedirectOfSource, Way::kRedirectOfDestination, Way::kNamedByCaller,
                         Way::kMirror};

class EgressTest : public testing::Test {
 protected:
  EgressTest() {
    resources_.egress.denied_networks = {*Network::Parse("8.8.0.0/16")};
    resources_.resolver = Resolver(64, [this](const std::string& host, uint16_t port) {
      ++look_ups_;
      const auto found = kNames.find(host);
      // What slips through leads to the canary.
      const std::vector<std::string> addresses =
          found == kNames.end() ? std::vector<std::string>{"127.0.0.1"} : found->second;
      std::vector<Endpoint> endpoints;
      for (const std::string& address : addresses) {
        endpoints.push_back(Endpoint::FromText(address, port));
      }
      return endpoints;
    });
  }

  BrokerSession::Options Job(Way way, const std::string& host) {
    BrokerSession::Options options;
    options.grants.source_registry = RegistryGrant{"registry.example", {443}};
    if (way == Way::kNamedByCaller) {
      options.grants.source_registry = RegistryGrant{host, {canary_.port()}, true};
    }
    if (way == Way::kMirror) {
      options.grants.source_mirrors = {RegistryGrant{host, {canary_.port()}, true}};
    }
    options.grants.destination_registry = RegistryGrant{"registry.example", {443}};
    options.job.mutable_copy();
    options.deadline = absl::Now() + absl::Seconds(60);
    options.cancelled = [] { return false; };
    options.on_event = [](const v1::CopyResponse&) {};
    options.resources = &resources_;
    return options;
  }

  // What a worker is told that wants to connect to `host` at the canary's port.
  broker::Reply Ask(Way way, const std::string& host) {
    TestSession session(Job(way, host));
    session.Ready();
    broker::WorkerFrame frame;
    frame.mutable_connect()->set_place(
        way == Way::kRedirectOfDestination ? broker::PLACE_DESTINATION : broker::PLACE_SOURCE);
    frame.mutable_connect()->set_purpose(way == Way::kNamedByCaller || way == Way::kMirror
                                             ? broker::PURPOSE_REGISTRY
                                             : broker::PURPOSE_REDIRECT);
    frame.mutable_connect()->set_host(host);
    frame.mutable_connect()->set_port(canary_.port());
    return session.Call(frame);
  }

  void ExpectDenied(Way way, const std::string& host) {
    const broker::Reply reply = Ask(way, host);
    EXPECT_EQ(reply.code(), static_cast<int>(absl::StatusCode::kPermissionDenied))
        << "\"" << host << "\" by way " << static_cast<int>(way) << ": " << reply.message();
    EXPECT_EQ(reply.reason(), "ADDRESS_DENIED") << host;
    EXPECT_EQ(reply.fd_count(), 0u) << host;
  }

  Canary canary_{"127.0.0.1"};
  std::atomic<int> look_ups_ = 0;
  BrokerResources resources_;
};

TEST_F(EgressTest, TheCanaryIsReachedWhereItIsGranted) {
  BrokerSession::Options options = Job(Way::kRedirectOfSource, "");
  options.grants.source_registry = RegistryGrant{"canary.example", {canary_.port()}};
  TestSession session(std::move(options));
  session.Ready();
  broker::WorkerFrame frame;
  frame.mutable_connect()->set_place(broker::PLACE_SOURCE);
  frame.mutable_connect()->set_purpose(broker::PURPOSE_REGISTRY);
  frame.mutable_connect()->set_host("canary.example");
  frame.mutable_connect()->set_port(canary_.port());
  EXPECT_EQ(session.Call(frame).code(), 0);
  EXPECT_EQ(canary_.Count(), 1);
  EXPECT_EQ(look_ups_, 1);
}

TEST_F(EgressTest, NoSpellingLeadsInside) {
  for (const std::string& host : kSpellings) {
    for (const Way way : kWays) {
      ExpectDenied(way, host);
    }
  }
  EXPECT_EQ(canary_.Count(), 0);
  // None of these had to be looked up.
  EXPECT_EQ(look_ups_, 0);
}

TEST_F(EgressTest, NoNameLeadsInside) {
  for (const auto& [host, addresses] : kNames) {
    for (const Way way : kWays) {
      ExpectDenied(way, host);
      ExpectDenied(way, absl::AsciiStrToUpper(host));
    }
  }
  EXPECT_EQ(canary_.Count(), 0);
  // Each was looked up once: no second answer can be another.
  EXPECT_EQ(static_cast<size_t>(look_ups_), kNames.size() * std::size(kWays) * 2);
}

TEST_F(EgressTest, NoNameLeadsOutOfTheInternet) {
  resources_.resolver = Resolver(4, [](const std::string&, uint16_t) {
    Endpoint local;
    local.storage.ss_family = AF_UNIX;
    local.size = sizeof(local.storage);
    return std::vector<Endpoint>{local};
  });
  for (const Way way : kWays) {
    ExpectDenied(way, "local-socket.example");
  }
}

TEST_F(EgressTest, NoNameLeadsToThisHost) {
  ifaddrs* list = nullptr;
  ASSERT_EQ(getifaddrs(&list), 0);
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    const std::optional<IpAddress> own =
        entry->ifa_addr == nullptr ? std::nullopt : IpAddress::Of(*entry->ifa_addr);
    if (own.has_value()) {
      ExpectDenied(Way::kRedirectOfSource, own->ToString());
    }
  }
  freeifaddrs(list);
}

TEST_F(EgressTest, Ipv6LoopbackIsNotReachedEither) {
  Canary canary("::1");
  if (!canary.is_there()) {
    GTEST_SKIP() << "this machine has no ::1";
  }
  for (const Way way : kWays) {
    BrokerSession::Options options = Job(way, "::1");
    TestSession session(std::move(options));
    session.Ready();
    broker::WorkerFrame frame;
    frame.mutable_connect()->set_place(broker::PLACE_SOURCE);
    frame.mutable_connect()->set_purpose(broker::PURPOSE_REDIRECT);
    frame.mutable_connect()->set_host("::1");
    frame.mutable_connect()->set_port(canary.port());
    EXPECT_NE(session.Call(frame).code(), 0);
  }
  EXPECT_EQ(canary.Count(), 0);
}

TEST_F(EgressTest, NameServerThatChangesItsMindChangesNothing) {
  resources_.resolver = Resolver(4, [this](const std::string&, uint16_t port) {
    // Public when it is judged, forbidden the next time.
    const char* address = look_ups_++ % 2 == 0 ? "8.8.8.8" : "127.0.0.1";
    return std::vector<Endpoint>{Endpoint::FromText(address, port)};
  });
  for (int i = 0; i < 20; ++i) {
    ExpectDenied(Way::kRedirectOfSource, "rebinding.example");
  }
  EXPECT_EQ(look_ups_, 20);
  EXPECT_EQ(canary_.Count(), 0);
}

TEST_F(EgressTest, NoSpellingIsAskedOfAProxy) {
  for (const char* scheme : {"http", "https", "socks5"}) {
    const std::string proxy = absl::StrCat(scheme, "://127.0.0.1:", canary_.port());
    resources_.egress.proxies = ProxySettings([&proxy](const char* name) {
      const std::string variable = name;
      return variable == "HTTPS_PROXY" || variable == "HTTP_PROXY" ? proxy : "";
    });
    for (const std::string& host : kSpellings) {
      for (const Way way : kWays) {
        ExpectDenied(way, host);
      }
    }
  }
  EXPECT_EQ(canary_.Count(), 0);
}

}  // namespace
}  // namespace holkas
