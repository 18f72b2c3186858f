#include "clients/cli/server_flags.h"

#include <cstdlib>
#include <fstream>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using absl::StatusCode;
using testing::HasSubstr;

constexpr char kTcp[] = "tcp:host.test:7373";

std::string File(const std::string& name, const std::string& content) {
  const std::string path = testing::TempDir() + "/" + name;
  std::ofstream(path) << content;
  return path;
}

absl::StatusOr<ServerAccess> Parse(const std::vector<std::string>& arguments,
                                   const std::string& address = kTcp,
                                   const std::map<std::string, std::string>& variables = {}) {
  FlagSet flags(ServerFlags());
  EXPECT_OK(flags.Parse(arguments, true).status());
  return ServerAccessOf(flags, variables, address);
}

TEST(ServerFlags, FilesAreRead) {
  ASSERT_OK_AND_ASSIGN(
      const ServerAccess access,
      Parse({"--server-ca", File("ca", "CA"), "--server-cert", File("c", "CERT"), "--server-key",
             File("k", "KEY"), "--server-token-file", File("t", "secret\n")}));
  EXPECT_EQ(access.ca_pem, "CA");
  EXPECT_EQ(access.certificate_pem, "CERT");
  EXPECT_EQ(access.key_pem, "KEY");
  EXPECT_EQ(access.token, "secret");
  EXPECT_FALSE(access.insecure);
}

TEST(ServerFlags, VariablesHoldWhereFlagsDoNot) {
  const std::map<std::string, std::string> variables = {{"server-ca", File("ca", "CA")},
                                                        {"server-insecure", "1"}};
  ASSERT_OK_AND_ASSIGN(ServerAccess access, Parse({}, kTcp, variables));
  EXPECT_EQ(access.ca_pem, "CA");
  EXPECT_TRUE(access.insecure);
  ASSERT_OK_AND_ASSIGN(
      access,
      Parse({"--server-ca", File("other", "OTHER"), "--server-insecure=false"}, kTcp, variables));
  EXPECT_EQ(access.ca_pem, "OTHER");
  EXPECT_FALSE(access.insecure);
}

TEST(ServerFlags, OfAServerThatIsNotOverTcpFlagsAreErrorsAndVariablesAreNot) {
  for (const char* address : {"", "unix:/run/holkas.sock"}) {
    for (const char* flag : {"--server-ca=/none", "--server-cert=/none", "--server-key=/none",
                             "--server-token-file=/none", "--server-insecure"}) {
      EXPECT_THAT(Parse({flag}, address),
                  StatusIs(StatusCode::kInvalidArgument, HasSubstr("is for a server over TCP")));
    }
    ASSERT_OK_AND_ASSIGN(const ServerAccess access,
                         Parse({}, address, {{"server-token-file", "/none"}}));
    EXPECT_EQ(access.token, "");
  }
}

TEST(ServerFlags, WithoutTlsFlagsOfTlsAreErrorsAndVariablesAreNot) {
  for (const std::string flag : {"--server-ca", "--server-cert", "--server-key"}) {
    EXPECT_THAT(Parse({"--server-insecure", flag, File("pem", "PEM")}),
                StatusIs(StatusCode::kInvalidArgument,
                         flag + " is for TLS, which --server-insecure does without"));
    EXPECT_THAT(Parse({flag, File("pem", "PEM")}, kTcp, {{"server-insecure", "1"}}),
                StatusIs(StatusCode::kInvalidArgument,
                         flag + " is for TLS, which HOLKAS_SERVER_INSECURE does without"));
    EXPECT_OK(Parse({"--server-insecure=false", flag, File("pem", "PEM")}).status());
    EXPECT_OK(Parse({"--server-insecure"}, kTcp, {{flag.substr(2), File("pem", "PEM")}}).status());
  }
}

TEST(ServerFlags, WhatCannotBeReadNamesTheFlagAndTheFile) {
  EXPECT_THAT(Parse({"--server-ca=/none"}),
              StatusIs(StatusCode::kNotFound, HasSubstr("--server-ca: open /none")));
  EXPECT_THAT(Parse({"--server-key", File("empty", "")}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("is empty")));
  for (const std::string& token :
       {std::string("\n"), std::string("two words"), std::string(5000, 'x')}) {
    EXPECT_THAT(Parse({"--server-token-file", File("t", token)}),
                StatusIs(StatusCode::kInvalidArgument, HasSubstr("must hold a token")));
  }
}

TEST(ServerVariables, AreNamedAsTheFlags) {
  setenv("HOLKAS_SERVER_TOKEN_FILE", "/t", 1);
  setenv("HOLKAS_SERVER_CA", "/ca", 1);
  const std::map<std::string, std::string> variables = ServerVariables();
  EXPECT_EQ(variables.at("server-token-file"), "/t");
  EXPECT_EQ(variables.at("server-ca"), "/ca");
  EXPECT_EQ(variables.count("server-key"), 0u);
}

}  // namespace
}  // namespace holkas
