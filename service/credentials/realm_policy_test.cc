#include "service/credentials/realm_policy.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

broker::RegistryImage Registry(const std::string& host, uint32_t port = 0,
                               bool plain_http_allowed = false) {
  broker::RegistryImage image;
  image.set_host(host);
  image.set_api_host(host == "docker.io" ? "registry-1.docker.io" : host);
  image.set_port(port);
  image.set_plain_http_allowed(plain_http_allowed);
  return image;
}

// What is granted, in a letter: own, any address, public, denied.
char Grant(const Realm& realm, const broker::RegistryImage& registry, bool with_credentials,
           const RealmSettings& settings = {}) {
  const absl::StatusOr<RealmGrant> grant = CheckRealm(realm, registry, with_credentials, settings);
  if (!grant.ok()) {
    EXPECT_EQ(ErrorReason(grant.status()), "REALM_DENIED");
    return 'd';
  }
  switch (*grant) {
    case RealmGrant::kRegistryItself:
      return 'o';
    case RealmGrant::kTrusted:
      return 'a';
    case RealmGrant::kPublic:
      return 'p';
  }
  return '?';
}

TEST(CheckRealm, WithCredentials) {
  struct Row {
    Realm realm;
    broker::RegistryImage registry;
    char expected;
  };
  const std::vector<Row> rows = {
      // The registry itself.
      {{true, "r.example.com", 443}, Registry("r.example.com"), 'o'},
      {{true, "r.example.com", 5000}, Registry("r.example.com", 5000), 'o'},
      {{true, "127.0.0.1", 5000}, Registry("127.0.0.1", 5000), 'o'},
      {{true, "::1", 5000}, Registry("::1", 5000), 'o'},
      {{true, "localhost", 5000}, Registry("localhost", 5000), 'o'},
      {{false, "localhost", 5000}, Registry("localhost", 5000, true), 'o'},
      {{false, "localhost", 80}, Registry("localhost", 0, true), 'o'},
      // Plain HTTP where the registry may not speak it.
      {{false, "localhost", 5000}, Registry("localhost", 5000), 'd'},
      {{false, "r.example.com", 80}, Registry("r.example.com"), 'd'},
      // The registry's domain.
      {{true, "auth.example.com", 443}, Registry("r.example.com"), 'p'},
      {{true, "r.example.com", 8443}, Registry("r.example.com"), 'p'},
      {{true, "example.com", 443}, Registry("a.b.example.com", 5000), 'p'},
      {{true, "auth.docker.io", 443}, Registry("docker.io"), 'p'},
      {{true, "auth.example.co.uk", 443}, Registry("r.example.co.uk"), 'p'},
      {{false, "auth.example.com", 80}, Registry("r.example.com", 0, true), 'd'},
      // Strangers.
      {{true, "thief.test", 443}, Registry("r.example.com"), 'd'},
      {{true, "evil.co.uk", 443}, Registry("example.co.uk"), 'd'},
      {{true, "evil.github.io", 443}, Registry("example.github.io"), 'd'},
      {{true, "example.com.thief.test", 443}, Registry("example.com"), 'd'},
      {{true, "xexample.com", 443}, Registry("example.com"), 'd'},
      {{true, "com", 443}, Registry("example.com"), 'd'},
      {{true, "localhost", 5001}, Registry("localhost", 5000), 'd'},
      {{true, "127.0.0.1", 5001}, Registry("127.0.0.1", 5000), 'd'},
      {{false, "127.0.0.1", 5001}, Registry("127.0.0.1", 5000, true), 'd'},
      {{true, "10.0.0.1", 443}, Registry("10.0.0.2"), 'd'},
      {{true, "1.0.0.1", 443}, Registry("2.0.0.1"), 'd'},
      {{true, "::1", 5001}, Registry("::1", 5000), 'd'},
      {{true, "intranet", 443}, Registry("registry"), 'd'},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(Grant(row.realm, row.registry, true), row.expected)
        << row.realm.ToString() << " for " << row.registry.ShortDebugString();
  }
}

TEST(CheckRealm, AnonymouslyEveryPublicHttpsHostMayBeAsked) {
  EXPECT_EQ(Grant({true, "thief.test", 443}, Registry("r.example.com"), false), 'p');
  EXPECT_EQ(Grant({true, "127.0.0.1", 5001}, Registry("r.example.com"), false), 'p');
  EXPECT_EQ(Grant({false, "thief.test", 80}, Registry("r.example.com", 0, true), false), 'd');
  EXPECT_EQ(Grant({true, "r.example.com", 443}, Registry("r.example.com"), false), 'o');
}

TEST(CheckRealm, SettingsAddRealms) {
  const RealmSettings settings = {.trusted = {"SSO.test", "localhost:5001", "[::1]:5001"}};
  EXPECT_EQ(Grant({true, "sso.test", 443}, Registry("r.example.com"), true, settings), 'a');
  EXPECT_EQ(Grant({true, "sso.test", 8443}, Registry("r.example.com"), true, settings), 'a');
  EXPECT_EQ(Grant({true, "localhost", 5001}, Registry("localhost", 5000), true, settings), 'a');
  EXPECT_EQ(Grant({true, "localhost", 5002}, Registry("localhost", 5000), true, settings), 'd');
  EXPECT_EQ(Grant({true, "::1", 5001}, Registry("::1", 5000), true, settings), 'a');
  EXPECT_EQ(Grant({false, "localhost", 5001}, Registry("localhost", 5000, true), true, settings),
            'a');
  EXPECT_EQ(Grant({false, "localhost", 5001}, Registry("localhost", 5000), true, settings), 'd');
}

TEST(CheckRealm, OwnDomainMayBeAtAnyAddressWhereTheSettingsSayIt) {
  const RealmSettings settings = {.trusted = {}, .own_domain_at_any_address = true};
  EXPECT_EQ(Grant({true, "auth.example.com", 443}, Registry("r.example.com"), true, settings), 'a');
  EXPECT_EQ(Grant({true, "thief.test", 443}, Registry("r.example.com"), false, settings), 'p');
}

TEST(CheckRealm, MessageNamesBothAndTheWayOut) {
  const absl::Status status =
      CheckRealm({true, "thief.test", 8443}, Registry("r.example.com"), true, {}).status();
  EXPECT_EQ(
      status.message(),
      "registry r.example.com wants a token of https://thief.test:8443: credentials do not go "
      "to another domain; --token-realms (registries.token_realms) allows it");
}

}  // namespace
}  // namespace holkas
