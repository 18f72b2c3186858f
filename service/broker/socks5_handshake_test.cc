#include "service/broker/socks5_handshake.h"

#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"
#include "proto/wire/unique_fd.h"
#include "service/broker/cancellation.h"

namespace holkas {
namespace {

using absl::StatusCode;
using testing::HasSubstr;
using testing::Not;

constexpr int kPort = 443;
constexpr char kPortBytes[] = "\x01\xbb";

// Bytes, zeros among them.
template <size_t N>
std::string Bytes(const char (&literal)[N]) {
  return std::string(literal, N - 1);
}

const std::string kNoUser = Bytes("\x05\x00");
const std::string kUser = Bytes("\x05\x02");
const std::string kUserTaken = Bytes("\x01\x00");
const std::string kConnected = Bytes("\x05\x00\x00\x01\x7f\x00\x00\x01\x04\x38");

// A proxy that says everything before it is asked: nothing that it says depends on that.
class Socks5HandshakeTest : public testing::Test {
 protected:
  // Says `answers` and has the handshake run; `ends`: nothing comes after them.
  absl::Status Shake(const std::string& answers, const std::string& host = "registry.test",
                     bool ends = true, absl::Duration limit = absl::Seconds(10)) {
    int ends_of_pair[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_of_pair), 0);
    UniqueFd own(ends_of_pair[0]);
    proxys_ = UniqueFd(ends_of_pair[1]);
    EXPECT_EQ(write(proxys_.get(), answers.data(), answers.size()),
              static_cast<ssize_t>(answers.size()));
    if (ends) {
      shutdown(proxys_.get(), SHUT_WR);
    }
    ProxyConnection connection("proxy.test:1080", std::move(own), absl::Now() + limit,
                               cancellation_);
    absl::Status status = Socks5Handshake(connection, proxy_, host, kPort);
    tunnel_ = connection.TakeSocket();
    return status;
  }

  static std::string ReadThere(const UniqueFd& fd) {
    char buffer[2000];
    const ssize_t size = recv(fd.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    return std::string(buffer, size > 0 ? static_cast<size_t>(size) : 0);
  }
  std::string said() const { return ReadThere(proxys_); }
  // What is left for the worker.
  std::string left() const { return ReadThere(tunnel_); }

  void ExpectFailure(const absl::Status& status, const std::string& why) {
    EXPECT_THAT(status, StatusIs(StatusCode::kUnavailable,
                                 absl::StrCat("proxyconnect tcp: proxy proxy.test:1080: ", why)));
    EXPECT_EQ(ErrorReason(status), "REGISTRY_UNAVAILABLE");
  }

  Cancellation cancellation_;
  Proxy proxy_;
  UniqueFd proxys_;
  UniqueFd tunnel_;
};

TEST_F(Socks5HandshakeTest, NamesAreForTheProxyToLookUp) {
  EXPECT_OK(Shake(kNoUser + kConnected));
  EXPECT_EQ(said(),
            Bytes("\x05\x01\x00") + Bytes("\x05\x01\x00\x03\x0dregistry.test") + kPortBytes);
}

TEST_F(Socks5HandshakeTest, AddressesGoAsSuch) {
  EXPECT_OK(Shake(kNoUser + kConnected, "192.0.2.7"));
  EXPECT_THAT(said(), HasSubstr(Bytes("\x05\x01\x00\x01\xc0\x00\x02\x07") + kPortBytes));
  EXPECT_OK(Shake(kNoUser + kConnected, "2001:db8::7"));
  EXPECT_THAT(
      said(),
      HasSubstr(Bytes("\x05\x01\x00\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07") + kPortBytes));
  EXPECT_OK(Shake(kNoUser + kConnected, "::ffff:192.0.2.7"));
  EXPECT_THAT(said(), HasSubstr(Bytes("\x05\x01\x00\x01\xc0\x00\x02\x07") + kPortBytes));
}

TEST_F(Socks5HandshakeTest, UserIsShownToAProxyThatAsks) {
  proxy_.user = "me";
  proxy_.password = "s3cret";
  EXPECT_OK(Shake(kUser + kUserTaken + kConnected));
  EXPECT_THAT(said(),
              testing::StartsWith(Bytes("\x05\x02\x00\x02") + Bytes("\x01\x02me\x06s3cret") +
                                  Bytes("\x05\x01\x00\x03")));
}

TEST_F(Socks5HandshakeTest, UserIsNotShownToAProxyThatDoesNotAsk) {
  proxy_.user = "me";
  proxy_.password = "s3cret";
  EXPECT_OK(Shake(kNoUser + kConnected));
  EXPECT_THAT(said(), Not(HasSubstr("s3cret")));
}

TEST_F(Socks5HandshakeTest, LongestUserAndPasswordFit) {
  proxy_.user = std::string(255, 'u');
  proxy_.password = std::string(255, 'p');
  EXPECT_OK(Shake(kUser + kUserTaken + kConnected));
  EXPECT_THAT(said(), HasSubstr(absl::StrCat("\x01\xff", proxy_.user, "\xff", proxy_.password)));
}

TEST_F(Socks5HandshakeTest, RefusedUserIsTold) {
  proxy_.user = "me-canary";
  proxy_.password = "s3cret";
  for (const char status : {'\x01', '\xff'}) {
    const absl::Status error = Shake(kUser + "\x01" + status);
    ExpectFailure(error, "socks: username/password authentication failed");
    EXPECT_THAT(error.message(), Not(HasSubstr("canary")));
    EXPECT_THAT(error.message(), Not(HasSubstr("s3cret")));
  }
}

TEST_F(Socks5HandshakeTest, OtherMethodsAreRefused) {
  ExpectFailure(Shake("\x05\xff"), "socks: no acceptable authentication methods");
  // GSSAPI; and the one that was not offered.
  ExpectFailure(Shake("\x05\x01"), "socks: unsupported authentication method 1");
  ExpectFailure(Shake("\x05\x02"), "socks: unsupported authentication method 2");
  proxy_.user = "me";
  ExpectFailure(Shake("\x05\x80"), "socks: unsupported authentication method 128");
}

TEST_F(Socks5HandshakeTest, EachRefusalIsTold) {
  const struct {
    char code;
    const char* text;
  } kRows[] = {
      {'\x01', "general SOCKS server failure"},
      {'\x02', "not allowed"},
      {'\x03', "network unreachable"},
      {'\x04', "host unreachable"},
      {'\x05', "connection refused"},
      {'\x06', "TTL expired"},
      {'\x07', "command not supported"},
      {'\x08', "address type not supported"},
      {'\x09', "unknown code 9"},
      {'\xff', "unknown code 255"},
  };
  for (const auto& row : kRows) {
    ExpectFailure(Shake(kNoUser + "\x05" + row.code),
                  absl::StrCat("socks connect registry.test:443: ", row.text));
  }
  ExpectFailure(Shake(kNoUser + "\x05\x05", "2001:db8::7"),
                "socks connect [2001:db8::7]:443: connection refused");
}

TEST_F(Socks5HandshakeTest, TunnelBeginsBehindTheAddress) {
  const std::string accepted = Bytes("\x05\x00\x00");
  for (const std::string& address : std::vector<std::string>{
           Bytes("\x01") + "AAAA", Bytes("\x04") + std::string(16, 'A'), Bytes("\x03\x00"),
           Bytes("\x03\x01") + "A", Bytes("\x03\xff") + std::string(255, 'A')}) {
    ASSERT_OK(Shake(absl::StrCat(kNoUser, accepted, address, "PP", "first bytes")));
    EXPECT_EQ(left(), "first bytes");
  }
}

TEST_F(Socks5HandshakeTest, WhatIsNoSocks5IsAnError) {
  proxy_.user = "me";
  ExpectFailure(Shake("HTTP/1.1 400 Bad Request\r\n"), "socks: unexpected protocol version 72");
  ExpectFailure(Shake(Bytes("\x04\x00")), "socks: unexpected protocol version 4");
  ExpectFailure(Shake(kUser + Bytes("\x05\x00")), "socks: unexpected protocol version 5");
  ExpectFailure(Shake(kNoUser + Bytes("\x00\x00\x00\x01")), "socks: unexpected protocol version 0");
  ExpectFailure(Shake(kNoUser + Bytes("\x05\x00\x01\x01")), "socks: non-zero reserved field");
  ExpectFailure(Shake(kNoUser + Bytes("\x05\x00\x00\x02")), "socks: unknown address type 2");
  ExpectFailure(Shake(kNoUser + Bytes("\x05\x00\x00\x00")), "socks: unknown address type 0");
}

TEST_F(Socks5HandshakeTest, EveryShortAnswerIsAnError) {
  proxy_.user = "me";
  const std::string named = Bytes("\x05\x00\x00\x03\x04host\x04\x38");
  for (const std::string& whole :
       {absl::StrCat(kUser, kUserTaken, kConnected), absl::StrCat(kNoUser, named)}) {
    for (size_t size = 0; size < whole.size(); ++size) {
      ExpectFailure(Shake(whole.substr(0, size)), "unexpected EOF");
    }
    EXPECT_OK(Shake(whole));
  }
}

TEST_F(Socks5HandshakeTest, SilenceEndsWithTheTime) {
  const std::string whole = kNoUser + kConnected;
  for (const size_t size : {size_t{0}, size_t{1}, size_t{2}, size_t{3}, whole.size() - 1}) {
    ExpectFailure(Shake(whole.substr(0, size), "registry.test", false, absl::Milliseconds(20)),
                  "i/o timeout");
  }
}

TEST_F(Socks5HandshakeTest, CancellationEndsTheWaiting) {
  cancellation_.Cancel();
  EXPECT_THAT(Shake("\x05", "registry.test", false), StatusIs(StatusCode::kCancelled));
}

TEST_F(Socks5HandshakeTest, NameThatDoesNotFitIsNotAskedFor) {
  EXPECT_OK(Shake(kNoUser + kConnected, std::string(255, 'a')));
  ExpectFailure(Shake(kNoUser + kConnected, std::string(256, 'a')),
                "socks: a host's name of more than 255 bytes");
  EXPECT_EQ(said(), "");
}

}  // namespace
}  // namespace holkas
