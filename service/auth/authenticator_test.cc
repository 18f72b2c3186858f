#include "service/auth/authenticator.h"

#include <grpc/grpc_security_constants.h>

#include <map>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using testing::HasSubstr;

Peer PeerOfKind(Peer::Kind kind) {
  Peer peer;
  peer.kind = kind;
  peer.uid = 7;
  return peer;
}

// Knows the token `test`, ci's.
std::unique_ptr<FollowedFiles<TokenTable>> Tokens() {
  return *FollowedFiles<TokenTable>::Open(
      {},
      [] {
        return TokenTable::Parse(
            "version: 1\ntokens: [{name: ci, sha256: "
            "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08}]",
            "t");
      },
      [](const absl::Status&) {});
}

std::string NameOf(std::map<std::string, std::vector<std::string>> properties) {
  return CertificateName([&properties](const char* property) { return properties[property]; });
}

TEST(CertificateName, IsTheUriThenTheDnsNameThenTheCommonNameOfOneWithoutOthers) {
  const std::vector<std::string> san = {"x"};
  EXPECT_EQ(NameOf({{GRPC_PEER_URI_PROPERTY_NAME, {"spiffe://a/b", "spiffe://c"}},
                    {GRPC_PEER_DNS_PROPERTY_NAME, {"d"}},
                    {GRPC_X509_SAN_PROPERTY_NAME, san},
                    {GRPC_X509_CN_PROPERTY_NAME, {"cn"}}}),
            "spiffe://a/b");
  EXPECT_EQ(NameOf({{GRPC_PEER_DNS_PROPERTY_NAME, {"d", "e"}},
                    {GRPC_X509_SAN_PROPERTY_NAME, san},
                    {GRPC_X509_CN_PROPERTY_NAME, {"cn"}}}),
            "d");
  EXPECT_EQ(NameOf({{GRPC_X509_CN_PROPERTY_NAME, {"cn"}}}), "cn");
  EXPECT_EQ(NameOf({{GRPC_X509_SAN_PROPERTY_NAME, san}, {GRPC_X509_CN_PROPERTY_NAME, {"cn"}}}), "");
  EXPECT_EQ(NameOf({{GRPC_X509_CN_PROPERTY_NAME, {std::string(257, 'n')}}}), "");
  EXPECT_EQ(NameOf({}), "");
}

TEST(Authenticator, OnUnixSocketsTheKernelSaysWho) {
  const auto tokens = Tokens();
  const Authenticator authenticator(tokens.get());
  for (const Peer::Kind kind : {Peer::Kind::kUnix, Peer::Kind::kPrivate}) {
    for (const char* authorization : {"Bearer wrong", "Bearer test"}) {
      ASSERT_OK_AND_ASSIGN(const Identity identity,
                           authenticator.Identify(PeerOfKind(kind), {"x", {authorization}}));
      EXPECT_EQ(identity.name, "uid:7");
      EXPECT_TRUE(identity.is_trusted);
    }
  }
}

TEST(Authenticator, OverTlsATokenGoesBeforeACertificate) {
  const auto tokens = Tokens();
  const Authenticator authenticator(tokens.get(), true);
  const Peer peer = PeerOfKind(Peer::Kind::kTls);
  ASSERT_OK_AND_ASSIGN(Identity identity, authenticator.Identify(peer, {"x", {"Bearer test"}}));
  EXPECT_EQ(identity.name, "token:ci");
  EXPECT_FALSE(identity.is_trusted);
  ASSERT_OK_AND_ASSIGN(identity, authenticator.Identify(peer, {"x", {}}));
  EXPECT_EQ(identity.name, "cert:x");
  EXPECT_FALSE(identity.is_trusted);
}

TEST(Authenticator, BearerIsWrittenAsCallersLike) {
  const auto tokens = Tokens();
  const Authenticator authenticator(tokens.get());
  for (const char* authorization : {"Bearer test", "bearer test", "BEARER test", "Bearer  test "}) {
    ASSERT_OK_AND_ASSIGN(
        const Identity identity,
        authenticator.Identify(PeerOfKind(Peer::Kind::kTls), {"", {authorization}}));
    EXPECT_EQ(identity.name, "token:ci") << authorization;
  }
}

TEST(Authenticator, ATokenThatIsShownMustBeGood) {
  const auto tokens = Tokens();
  const Authenticator authenticator(tokens.get(), true);
  const struct {
    std::vector<std::string> authorization;
    const char* why;
  } kCases[] = {
      {{"Bearer wrong"}, "nobody has this token"},        {{"Bearer "}, "nobody has this token"},
      {{"Basic dGVzdA=="}, "must be \"Bearer TOKEN\""},   {{"test"}, "must be \"Bearer TOKEN\""},
      {{"Bearer test", "Bearer test"}, "more than once"},
  };
  for (const Peer::Kind kind : {Peer::Kind::kTls, Peer::Kind::kTcp}) {
    for (const auto& test : kCases) {
      const absl::Status status =
          authenticator.Identify(PeerOfKind(kind), {"x", test.authorization}).status();
      EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr(test.why)));
      EXPECT_EQ(ErrorReason(status), "CALLER_UNAUTHENTICATED");
    }
  }
}

TEST(Authenticator, WithoutATokenFileATokenIsRefused) {
  EXPECT_THAT(Authenticator().Identify(PeerOfKind(Peer::Kind::kTls), {"x", {"Bearer test"}}),
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("access.token_file")));
}

TEST(Authenticator, WhoShowsNothingIsUnknownOverTlsAndAnonymousOverPlainTcp) {
  EXPECT_THAT(Authenticator(nullptr, true).Identify(PeerOfKind(Peer::Kind::kTls), {}),
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("was shown")));
  for (const bool trusted : {true, false}) {
    ASSERT_OK_AND_ASSIGN(
        const Identity identity,
        Authenticator(nullptr, trusted).Identify(PeerOfKind(Peer::Kind::kTcp), {}));
    EXPECT_EQ(identity.name, "anonymous");
    EXPECT_EQ(identity.is_trusted, trusted);
  }
}

}  // namespace
}  // namespace holkas
