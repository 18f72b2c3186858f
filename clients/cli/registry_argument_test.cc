#include "clients/cli/registry_argument.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

std::string KeyOf(const std::string& argument) {
  absl::StatusOr<CredentialKey> key = ParseRegistryArgument(argument);
  return key.ok() ? key->ToString() : key.status().ToString();
}

TEST(ParseRegistryArgument, RegistryAndNamespaceStayAsTheyAre) {
  for (const char* key : {"quay.io", "localhost:5000", "[::1]:5000", "quay.io/team",
                          "localhost:5000/a/b", "docker.io/me"}) {
    EXPECT_EQ(KeyOf(key), key);
  }
}

TEST(ParseRegistryArgument, OfUrlsHostAndPortCount) {
  EXPECT_EQ(KeyOf("https://quay.io"), "quay.io");
  EXPECT_EQ(KeyOf("http://localhost:5000/v1/"), "localhost:5000");
  EXPECT_EQ(KeyOf("https://quay.io?x"), "quay.io");
  EXPECT_EQ(KeyOf("https://me@quay.io/v2/"), "quay.io");
}

TEST(ParseRegistryArgument, OthersAreRefusedInSkopeosWords) {
  struct Case {
    const char* argument;
    const char* message;
  };
  for (const Case& c : std::vector<Case>{
           {"b.example.com/x:1", "reference \"b.example.com/x:1\" contains tag or digest"},
           {"b.example.com/X",
            "parse reference from \"b.example.com/X\": invalid reference format: repository name "
            "must be lowercase"},
           {"b.example.com@x", "get credentials: key b.example.com@x contains a '@' character"},
           {"", "get credentials: key  is not host[:port][/path]"},
           {"https://", "get credentials: key  is not host[:port][/path]"},
           {"a b", "get credentials: key a b is not host[:port][/path]"},
       }) {
    EXPECT_THAT(ParseRegistryArgument(c.argument),
                StatusIs(absl::StatusCode::kInvalidArgument, c.message));
  }
}

}  // namespace
}  // namespace holkas
