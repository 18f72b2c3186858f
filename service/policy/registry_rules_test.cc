#include "service/policy/registry_rules.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using absl::StatusCode;

RegistryReference Ref(const std::string& registry) {
  return *ImageReference::Parse("docker://" + registry + "/x").value().registry();
}

std::vector<RegistryPattern> Patterns(const std::vector<std::string>& texts) {
  std::vector<RegistryPattern> patterns;
  for (const std::string& text : texts) {
    patterns.push_back(RegistryPattern::Parse(text).value());
  }
  return patterns;
}

TEST(RegistryPattern, MatchesHostsAndPorts) {
  const struct {
    const char* pattern;
    const char* registry;
    bool matches;
  } kRows[] = {
      {"example.com", "example.com", true},
      {"Example.COM", "example.com", true},
      {"example.com", "EXAMPLE.com", true},
      {"example.com", "example.com:5000", false},
      {"example.com", "my.example.com", false},
      {"example.com", "example.com.evil.test", false},
      {"example.com:5000", "example.com:5000", true},
      {"example.com:5000", "example.com", false},
      {"example.com:5000", "example.com:50000", false},
      {"example.com:*", "example.com", true},
      {"example.com:*", "example.com:5000", true},
      {"example.com:*", "my.example.com:5000", false},
      {"*.example.com", "my.example.com", true},
      {"*.example.com", "a.my.example.com", true},
      {"*.example.com", "example.com", false},
      {"*.example.com", "myexample.com", false},
      {"*.example.com", "my.example.com:5000", false},
      {"*.example.com:5000", "my.example.com:5000", true},
      {"*.example.com:*", "my.example.com:5000", true},
      {"*", "example.com", true},
      {"*", "example.com:5000", false},
      {"*:*", "example.com:5000", true},
      {"*:5000", "example.com:5000", true},
      {"127.0.0.1:*", "127.0.0.1:5000", true},
      {"127.0.0.1:*", "127.0.0.2:5000", false},
      {"[::1]:5000", "[::1]:5000", true},
      {"[::1]", "[::1]:5000", false},
      {"localhost:*", "localhost:5000", true},
      {"docker.io", "docker.io", true},
  };
  for (const auto& row : kRows) {
    const RegistryReference registry = Ref(row.registry);
    EXPECT_EQ(RegistryPattern::Parse(row.pattern)->Matches(registry.host, registry.port),
              row.matches)
        << row.pattern << " " << row.registry;
  }
}

TEST(RegistryPattern, MalformedOnesAreNone) {
  for (const char* text : {"",
                           ":5000",
                           "example.com:",
                           "example.com:0",
                           "example.com:65536",
                           "example.com:-1",
                           "example.com:**",
                           "a.*.test",
                           "*example.com",
                           "**",
                           "*.",
                           "*.*.test",
                           "a..test",
                           ".test",
                           "example.com/x",
                           "https://example.com",
                           "user@example.com",
                           "[::1",
                           "[x]:1",
                           "::1",
                           "[*]",
                           "*.[::1]",
                           "a b",
                           "example.com: *"}) {
    EXPECT_FALSE(RegistryPattern::Parse(text).has_value()) << text;
  }
}

TEST(RegistryRules, WithoutAListEveryRegistryMayBeNamedAndNoneIsVouchedFor) {
  const RegistryRules rules;
  EXPECT_OK(CheckNamed(Ref("example.com"), rules));
  EXPECT_FALSE(IsVouchedFor(Ref("example.com"), rules));
}

TEST(RegistryRules, WithAListThoseAndInsecureOnesAlone) {
  RegistryRules rules;
  rules.allowed = Patterns({"example.com", "*.example.org"});
  rules.insecure = {"10.0.0.1:5000"};
  for (const char* registry : {"example.com", "a.example.org", "10.0.0.1:5000"}) {
    EXPECT_OK(CheckNamed(Ref(registry), rules)) << registry;
    EXPECT_TRUE(IsVouchedFor(Ref(registry), rules)) << registry;
  }
  for (const char* registry : {"example.org", "example.com:5000", "10.0.0.1:5001"}) {
    const absl::Status status = CheckNamed(Ref(registry), rules);
    EXPECT_THAT(status, StatusIs(StatusCode::kPermissionDenied,
                                 testing::HasSubstr(std::string("registry ") + registry)));
    EXPECT_EQ(ErrorReason(status), "ADDRESS_DENIED");
    EXPECT_FALSE(IsVouchedFor(Ref(registry), rules)) << registry;
  }
}

TEST(RegistryRules, LocationsOfRegistriesConfAreVouchedForButNotNamed) {
  RegistryRules rules;
  rules.allowed = Patterns({"example.com"});
  rules.is_location = [](const std::string& registry) { return registry == "mirror.test:5000"; };
  EXPECT_TRUE(IsVouchedFor(Ref("mirror.test:5000"), rules));
  EXPECT_FALSE(IsVouchedFor(Ref("mirror.test"), rules));
  EXPECT_THAT(CheckNamed(Ref("mirror.test:5000"), rules), StatusIs(StatusCode::kPermissionDenied));
}

TEST(RegistryRules, AnyIsAny) {
  RegistryRules rules;
  rules.any = true;
  rules.allowed = Patterns({"example.com"});
  EXPECT_OK(CheckNamed(Ref("127.0.0.1:22"), rules));
  EXPECT_TRUE(IsVouchedFor(Ref("127.0.0.1:22"), rules));
}

}  // namespace
}  // namespace holkas
