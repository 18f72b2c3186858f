#include "service/rpc/prepare_registry.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <variant>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using testing::ElementsAre;

RegistryReference Reference(const std::string& name) {
  return *ImageReference::Parse("docker://" + name)->registry();
}

// Settings with a registries.conf, which is written to a file of its own.
class PrepareRegistryTest : public testing::Test {
 protected:
  void Configure(const std::string& conf) {
    const std::string path = testing::TempDir() + "/registries.conf";
    std::ofstream(path) << conf;
    conf_ = std::make_unique<RegistriesConf>(RegistriesConfFiles{path, true, {}});
    settings_.registries_conf = conf_.get();
  }

  absl::StatusOr<PreparedPlace> Prepare(const std::string& name,
                                        RegistryUse use = RegistryUse::kPull) {
    return PrepareRegistry(Reference(name), name, access_, settings_, use);
  }

  v1::RegistryAccess access_;
  RegistrySettings settings_;
  std::unique_ptr<RegistriesConf> conf_;
};

constexpr char kMirrored[] = R"(
[[registry]]
prefix = "r.test/team"
location = "r.test/moved"
[[registry.mirror]]
location = "m.test:5000/copy"
insecure = true
)";

TEST_F(PrepareRegistryTest, MirrorsComeFirstAndKnowWhereToLook) {
  Configure(kMirrored);
  ASSERT_OK_AND_ASSIGN(const PreparedPlace place, Prepare("r.test/team/app:1"));
  const broker::RegistryImage& registry = place.location.registry();
  EXPECT_EQ(registry.host(), "r.test");
  EXPECT_EQ(registry.repository(), "moved/app");
  EXPECT_EQ(registry.tag(), "1");
  EXPECT_EQ(registry.display_name(), "r.test/team/app:1");
  EXPECT_TRUE(registry.verify_certificate());
  ASSERT_EQ(registry.mirrors_size(), 1);
  EXPECT_EQ(registry.mirrors(0).host(), "m.test");
  EXPECT_EQ(registry.mirrors(0).port(), 5000u);
  EXPECT_EQ(registry.mirrors(0).repository(), "copy/app");
  EXPECT_TRUE(registry.mirrors(0).plain_http_allowed());
  ASSERT_EQ(place.identity.size(), 2u);
  EXPECT_EQ(place.identity[0].registry.host(), "r.test");
  EXPECT_THAT(place.identity[0].scopes, ElementsAre("repository:moved/app:pull"));
  EXPECT_EQ(place.identity[1].registry.host(), "m.test");
  EXPECT_THAT(place.identity[1].scopes, ElementsAre("repository:copy/app:pull"));
}

TEST_F(PrepareRegistryTest, WhoWritesGoesToTheRegistryThatWasNamed) {
  Configure(kMirrored);
  ASSERT_OK_AND_ASSIGN(const PreparedPlace place, Prepare("r.test/team/app:1", RegistryUse::kPush));
  EXPECT_EQ(place.location.registry().repository(), "team/app");
  EXPECT_EQ(place.location.registry().mirrors_size(), 0);
  EXPECT_THAT(place.identity.at(0).scopes, ElementsAre("repository:team/app:pull,push"));
}

TEST_F(PrepareRegistryTest, WhatTheRequestBringsIsNotForMirrors) {
  Configure(kMirrored);
  access_.mutable_basic()->set_username("alice");
  access_.mutable_basic()->set_password("canary");
  access_.mutable_certificates()->set_ca_pem("ca");
  access_.mutable_certificates()->set_client_certificate_pem("cert");
  access_.mutable_certificates()->set_client_key_pem("canary-key");
  ASSERT_OK_AND_ASSIGN(const PreparedPlace place, Prepare("r.test/team/app:1"));
  EXPECT_TRUE(std::holds_alternative<UserPassword>(place.identity[0].credentials));
  EXPECT_TRUE(std::holds_alternative<NoCredentials>(place.identity[1].credentials));
  const broker::RegistryImage& mirror = place.location.registry().mirrors(0);
  EXPECT_EQ(mirror.certificates().ca_pem(), "ca");
  EXPECT_EQ(mirror.SerializeAsString().find("canary"), std::string::npos);
  access_.set_bearer_token("canary-token");
  ASSERT_OK_AND_ASSIGN(const PreparedPlace with_token, Prepare("r.test/team/app:1"));
  EXPECT_EQ(with_token.location.registry().authorization(), "Bearer canary-token");
  EXPECT_EQ(with_token.location.registry().mirrors(0).authorization(), "");
}

TEST_F(PrepareRegistryTest, MirrorsHaveCredentialsOfTheirOwn) {
  Configure(kMirrored);
  const std::string file = testing::TempDir() + "/auth.json";
  std::ofstream(file) << R"({"auths":{"m.test:5000":{"auth":"Ym9iOnB3"}}})";  // bob:pw
  settings_.credentials.auth_files = {file};
  access_.mutable_basic()->set_username("alice");
  ASSERT_OK_AND_ASSIGN(const PreparedPlace place, Prepare("r.test/team/app:1"));
  EXPECT_EQ(std::get<UserPassword>(place.identity[0].credentials).user, "alice");
  EXPECT_EQ(std::get<UserPassword>(place.identity[1].credentials).user, "bob");
  // Who wants to be nobody is nobody everywhere.
  access_.set_anonymous(true);
  ASSERT_OK_AND_ASSIGN(const PreparedPlace anonymous, Prepare("r.test/team/app:1"));
  EXPECT_TRUE(std::holds_alternative<NoCredentials>(anonymous.identity[1].credentials));
}

TEST_F(PrepareRegistryTest, RequestDecidesAboutCertificatesEverywhere) {
  Configure(kMirrored);
  access_.set_tls_verification(v1::TLS_VERIFICATION_REQUIRED);
  ASSERT_OK_AND_ASSIGN(const PreparedPlace strict, Prepare("r.test/team/app:1"));
  EXPECT_FALSE(strict.location.registry().mirrors(0).plain_http_allowed());
  access_.set_tls_verification(v1::TLS_VERIFICATION_DISABLED);
  ASSERT_OK_AND_ASSIGN(const PreparedPlace lax, Prepare("r.test/team/app:1"));
  EXPECT_TRUE(lax.location.registry().plain_http_allowed());
}

TEST_F(PrepareRegistryTest, BlockedRegistriesAreRefused) {
  Configure("[[registry]]\nlocation = \"r.test\"\nblocked = true\n");
  for (const RegistryUse use : {RegistryUse::kPull, RegistryUse::kPush, RegistryUse::kLogin}) {
    EXPECT_EQ(ErrorReason(Prepare("r.test/app:1", use).status()), "REGISTRY_BLOCKED");
  }
  EXPECT_OK(Prepare("other.test/app:1").status());
}

TEST_F(PrepareRegistryTest, LoginNeedsNoScope) {
  ASSERT_OK_AND_ASSIGN(const PreparedPlace place, Prepare("r.test/app", RegistryUse::kLogin));
  EXPECT_TRUE(place.identity.at(0).scopes.empty());
}

}  // namespace
}  // namespace holkas
