#include "service/broker/proxy_settings.h"

#include <map>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using absl::StatusCode;
using testing::HasSubstr;
using testing::Not;

ProxySettings Settings(const std::map<std::string, std::string>& environment) {
  return ProxySettings([&environment](const char* name) {
    const auto found = environment.find(name);
    return found == environment.end() ? std::string() : found->second;
  });
}

// `host:port` of the proxy, or `direct`.
absl::StatusOr<std::string> Route(const ProxySettings& settings, Carried carried,
                                  absl::string_view host, uint16_t port = 443) {
  absl::StatusOr<const Proxy*> proxy = settings.ProxyFor(carried, host, port);
  if (!proxy.ok()) {
    return proxy.status();
  }
  return *proxy == nullptr ? "direct" : absl::StrCat((*proxy)->host, ":", (*proxy)->port);
}

TEST(ProxySettings, WithoutVariablesEverythingIsDirect) {
  for (const Carried carried : {Carried::kHttps, Carried::kHttp, Carried::kEither}) {
    EXPECT_THAT(Route(Settings({}), carried, "a.test"), IsOkAndHolds("direct"));
    EXPECT_THAT(Route(ProxySettings(), carried, "a.test"), IsOkAndHolds("direct"));
  }
}

TEST(ProxySettings, EachKindHasItsVariable) {
  const ProxySettings both = Settings({{"HTTPS_PROXY", "s.test:1"}, {"HTTP_PROXY", "p.test:2"}});
  EXPECT_THAT(Route(both, Carried::kHttps, "a.test"), IsOkAndHolds("s.test:1"));
  EXPECT_THAT(Route(both, Carried::kHttp, "a.test"), IsOkAndHolds("p.test:2"));
  EXPECT_THAT(Route(both, Carried::kEither, "a.test"), IsOkAndHolds("s.test:1"));
  const ProxySettings https = Settings({{"HTTPS_PROXY", "s.test:1"}});
  EXPECT_THAT(Route(https, Carried::kHttp, "a.test"), IsOkAndHolds("direct"));
  const ProxySettings http = Settings({{"HTTP_PROXY", "p.test:2"}});
  EXPECT_THAT(Route(http, Carried::kHttps, "a.test"), IsOkAndHolds("direct"));
  EXPECT_THAT(Route(http, Carried::kEither, "a.test"), IsOkAndHolds("p.test:2"));
}

TEST(ProxySettings, NamesMayBeInLowerCase) {
  const ProxySettings lower = Settings(
      {{"https_proxy", "s.test:1"}, {"http_proxy", "p.test:2"}, {"no_proxy", "direct.test"}});
  EXPECT_THAT(Route(lower, Carried::kHttps, "a.test"), IsOkAndHolds("s.test:1"));
  EXPECT_THAT(Route(lower, Carried::kHttp, "a.test"), IsOkAndHolds("p.test:2"));
  EXPECT_THAT(Route(lower, Carried::kHttp, "direct.test"), IsOkAndHolds("direct"));
  EXPECT_THAT(Route(Settings({{"HTTPS_PROXY", "upper:1"}, {"https_proxy", "lower:1"}}),
                    Carried::kHttps, "a.test"),
              IsOkAndHolds("upper:1"));
}

TEST(ProxySettings, HttpProxyDoesNotCountInCgiPrograms) {
  const ProxySettings cgi = Settings(
      {{"HTTPS_PROXY", "s.test:1"}, {"HTTP_PROXY", "p.test:2"}, {"REQUEST_METHOD", "GET"}});
  EXPECT_THAT(Route(cgi, Carried::kHttp, "a.test"), IsOkAndHolds("direct"));
  EXPECT_THAT(Route(cgi, Carried::kHttps, "a.test"), IsOkAndHolds("s.test:1"));
}

TEST(ProxySettings, ProxiesAreUrls) {
  const struct {
    const char* text;
    const char* proxy;
  } kRows[] = {
      {"proxy", "proxy:80"},
      {"Proxy.Test", "proxy.test:80"},
      {"proxy.test:3128", "proxy.test:3128"},
      {"http://proxy.test", "proxy.test:80"},
      {"HTTP://proxy.test:8080/", "proxy.test:8080"},
      {"http://proxy.test:8080/path?query#fragment", "proxy.test:8080"},
      {"http://user:pass@proxy.test:8080", "proxy.test:8080"},
      {"user:p@ss@proxy.test", "proxy.test:80"},
      {"10.0.0.1:3128", "10.0.0.1:3128"},
      {"http://[fd00::1]:3128", "fd00::1:3128"},
      {"[fd00::1]", "fd00::1:80"},
  };
  for (const auto& row : kRows) {
    EXPECT_THAT(Route(Settings({{"HTTPS_PROXY", row.text}}), Carried::kHttps, "a.test"),
                IsOkAndHolds(std::string(row.proxy)))
        << row.text;
  }
}

TEST(ProxySettings, UserAndPasswordAreDecoded) {
  const auto authorization = [](const std::string& text) {
    const ProxySettings settings = Settings({{"HTTPS_PROXY", text}});
    return (*settings.ProxyFor(Carried::kHttps, "a.test", 443))->authorization;
  };
  EXPECT_EQ(authorization("http://proxy.test"), "");
  EXPECT_EQ(authorization("http://me:secret@proxy.test"), "Basic bWU6c2VjcmV0");
  EXPECT_EQ(authorization("http://me@proxy.test"), "Basic bWU6");
  EXPECT_EQ(authorization("http://m%40e:se%3Acr%20et@proxy.test"),
            absl::StrCat("Basic ", absl::Base64Escape("m@e:se:cr et")));
}

TEST(ProxySettings, SchemeSaysHowOneSpeaksToTheProxy) {
  const struct {
    const char* text;
    Proxy::Kind kind;
    uint16_t port;
  } kRows[] = {
      {"proxy.test", Proxy::Kind::kHttp, 80},
      {"http://proxy.test", Proxy::Kind::kHttp, 80},
      {"https://proxy.test", Proxy::Kind::kHttps, 443},
      {"HTTPS://proxy.test:8443/", Proxy::Kind::kHttps, 8443},
      {"socks5://proxy.test", Proxy::Kind::kSocks5, 1080},
      {"socks5h://proxy.test", Proxy::Kind::kSocks5, 1080},
      {"SOCKS5H://[fd00::1]:9050", Proxy::Kind::kSocks5, 9050},
  };
  for (const auto& row : kRows) {
    const ProxySettings settings = Settings({{"HTTPS_PROXY", row.text}});
    ASSERT_OK_AND_ASSIGN(const Proxy* proxy, settings.ProxyFor(Carried::kHttps, "a.test", 443));
    EXPECT_EQ(proxy->kind, row.kind) << row.text;
    EXPECT_EQ(proxy->port, row.port) << row.text;
  }
}

TEST(ProxySettings, SocksHasItsUserAndPasswordAsTheyAre) {
  const auto proxy = [](const std::string& text) {
    const ProxySettings settings = Settings({{"HTTPS_PROXY", text}});
    return **settings.ProxyFor(Carried::kHttps, "a.test", 443);
  };
  EXPECT_EQ(proxy("socks5://m%40e:se%3Acret@proxy.test").user, "m@e");
  EXPECT_EQ(proxy("socks5://m%40e:se%3Acret@proxy.test").password, "se:cret");
  EXPECT_EQ(proxy("socks5://me@proxy.test").password, "");
  EXPECT_EQ(proxy("socks5://me:secret@proxy.test").authorization, "");
  EXPECT_EQ(proxy("socks5://@proxy.test").user, "");
  EXPECT_EQ(proxy("https://me:secret@proxy.test").authorization, "Basic bWU6c2VjcmV0");
  EXPECT_EQ(proxy("https://me:secret@proxy.test").user, "");
  const std::string longest(255, 'x');
  EXPECT_EQ(proxy("socks5://" + longest + ":" + longest + "@proxy.test").password, longest);
}

TEST(ProxySettings, SocksHasNoRoomForMoreThanThat) {
  const std::string longer(256, 'x');
  for (const std::string& user : {longer, "me:" + longer, std::string(":secret")}) {
    EXPECT_THAT(
        Route(Settings({{"HTTPS_PROXY", "socks5://" + user + "@proxy.test"}}), Carried::kHttps,
              "a.test"),
        StatusIs(StatusCode::kFailedPrecondition, "HTTPS_PROXY: is not the URL of a proxy"));
    EXPECT_OK(Route(Settings({{"HTTPS_PROXY", "https://" + user + "@proxy.test"}}), Carried::kHttps,
                    "a.test"));
  }
}

TEST(ProxySettings, WhatIsNoProxyIsAnErrorWhereItWouldBeUsed) {
  for (const char* text :
       {"http://", "ftp://me:secret@proxy.test", "socks4://me:secret@proxy.test", "socks5://",
        "http://proxy.test:0", "http://proxy.test:port", "http://me:secret%zz@proxy.test",
        "http://pro xy", "http://[fd00::1", "me:secret@", "http://a\r\nb", "[::1]x",
        "http://me:secret%4@proxy.test"}) {
    const ProxySettings settings = Settings({{"HTTPS_PROXY", text}, {"NO_PROXY", "direct.test"}});
    const absl::Status status = Route(settings, Carried::kHttps, "a.test").status();
    EXPECT_THAT(status, StatusIs(StatusCode::kFailedPrecondition, HasSubstr("HTTPS_PROXY: ")))
        << text;
    EXPECT_EQ(ErrorReason(status), "INVALID_CONFIG");
    EXPECT_THAT(status.message(), Not(HasSubstr("secret")));
    EXPECT_THAT(Route(settings, Carried::kHttps, "direct.test"), IsOkAndHolds("direct"));
    EXPECT_THAT(Route(settings, Carried::kHttp, "a.test"), IsOkAndHolds("direct"));
  }
}

TEST(ProxySettings, LocalhostAndLoopbackAreNeverProxied) {
  const ProxySettings settings = Settings({{"HTTPS_PROXY", "proxy.test"}});
  for (const char* host : {"localhost", "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"}) {
    EXPECT_THAT(Route(settings, Carried::kHttps, host), IsOkAndHolds("direct")) << host;
  }
  for (const char* host : {"localhost.test", "128.0.0.1", "10.0.0.1", "0.0.0.0"}) {
    EXPECT_THAT(Route(settings, Carried::kHttps, host), IsOkAndHolds("proxy.test:80")) << host;
  }
}

TEST(ProxySettings, NoProxyHasGosRules) {
  const struct {
    const char* no_proxy;
    const char* host;
    uint16_t port;
    bool direct;
  } kRows[] = {
      // Domains: the name and what is beneath it.
      {"example.com", "example.com", 443, true},
      {"example.com", "my.example.com", 443, true},
      {"example.com", "a.b.example.com", 443, true},
      {"example.com", "notexample.com", 443, false},
      {"example.com", "example.com.evil.test", 443, false},
      {"Example.COM", "example.com", 443, true},
      // With a dot or a star, what is beneath it alone.
      {".example.com", "my.example.com", 443, true},
      {".example.com", "example.com", 443, false},
      {"*.example.com", "my.example.com", 443, true},
      {"*.example.com", "example.com", 443, false},
      {"com", "example.com", 443, true},
      // Ports.
      {"example.com:5000", "example.com", 5000, true},
      {"example.com:5000", "my.example.com", 5000, true},
      {"example.com:5000", "example.com", 443, false},
      {".example.com:5000", "my.example.com", 5000, true},
      {".example.com:5000", "my.example.com", 443, false},
      // Addresses.
      {"10.0.0.1", "10.0.0.1", 443, true},
      {"10.0.0.1", "10.0.0.2", 443, false},
      {"10.0.0.1:5000", "10.0.0.1", 5000, true},
      {"10.0.0.1:5000", "10.0.0.1", 443, false},
      {"10.0.0.1", "::ffff:10.0.0.1", 443, true},
      {"fd00::1", "fd00::1", 443, true},
      {"fd00::1", "fd00:0::1", 443, true},
      {"[fd00::1]", "fd00::1", 443, true},
      {"[fd00::1]:5000", "fd00::1", 5000, true},
      {"[fd00::1]:5000", "fd00::1", 443, false},
      {"10.0.0.1", "x.10.0.0.1", 443, false},
      // Networks; they have no ports.
      {"10.0.0.0/8", "10.9.9.9", 443, true},
      {"10.0.0.0/8", "11.9.9.9", 443, false},
      {"10.0.0.0/8", "ten.test", 443, false},
      {"fd00::/8", "fd12::1", 443, true},
      {"fd00::/8", "fe12::1", 443, false},
      // Everything.
      {"*", "a.test", 443, true},
      {"*", "10.0.0.1", 443, true},
      {"b.test, *", "a.test", 443, true},
      // Lists.
      {" a.test , b.test", "a.test", 443, true},
      {" a.test , b.test", "b.test", 443, true},
      {"a.test,,b.test,", "c.test", 443, false},
      {"a.test b.test", "a.test", 443, false},
      // What is malformed matches nothing.
      {":5000", "a.test", 5000, false},
      {"[", "a.test", 443, false},
      {"", "a.test", 443, false},
      {"**", "a.test", 443, false},
      {"a.test:port", "a.test", 443, false},
  };
  for (const auto& row : kRows) {
    const ProxySettings settings =
        Settings({{"HTTPS_PROXY", "proxy.test"}, {"NO_PROXY", row.no_proxy}});
    EXPECT_THAT(Route(settings, Carried::kHttps, row.host, row.port),
                IsOkAndHolds(std::string(row.direct ? "direct" : "proxy.test:80")))
        << row.no_proxy << " " << row.host << " " << row.port;
  }
}

}  // namespace
}  // namespace holkas
