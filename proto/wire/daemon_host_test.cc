#include "proto/wire/daemon_host.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;

std::string Canonical(absl::string_view text) {
  absl::StatusOr<DaemonHost> host = DaemonHost::Parse(text);
  return host.ok() ? host->ToString() : std::string(host.status().message());
}

TEST(DaemonHost, UnixSocketIsItsPath) {
  const absl::StatusOr<DaemonHost> host = DaemonHost::Parse(kDefaultDaemonHost);
  ASSERT_OK(host.status());
  EXPECT_EQ(host->unix_path, "/var/run/docker.sock");
  EXPECT_FALSE(host->https);
  EXPECT_EQ(host->ToString(), kDefaultDaemonHost);
}

TEST(DaemonHost, TcpAndHttpsSpeakTlsAndHttpDoesNot) {
  EXPECT_TRUE(DaemonHost::Parse("tcp://127.0.0.1:2376")->https);
  EXPECT_TRUE(DaemonHost::Parse("https://127.0.0.1:2376")->https);
  EXPECT_FALSE(DaemonHost::Parse("http://127.0.0.1:2375")->https);
}

TEST(DaemonHost, EqualHostsHaveOneText) {
  EXPECT_EQ(Canonical("https://Docker.Example:2376/"), "tcp://docker.example:2376");
  EXPECT_EQ(Canonical("tcp://docker.example"), "tcp://docker.example:443");
  EXPECT_EQ(Canonical("http://[::1]/base//"), "http://[::1]:80/base");
}

TEST(DaemonHost, BasePathPrecedesThePathsOfTheApi) {
  EXPECT_EQ(DaemonHost::Parse("tcp://h:1/a/b/")->base_path, "/a/b");
  EXPECT_EQ(DaemonHost::Parse("tcp://h:1/")->base_path, "");
}

TEST(DaemonHost, AnythingElseIsRefusedWithGoesText) {
  for (const char* text : {"",
                           "127.0.0.1:2375",
                           "ssh://host",
                           "npipe://x",
                           "fd://",
                           "unix:/x",
                           "tcp://",
                           "tcp://:1",
                           "tcp://h:",
                           "tcp://h:0",
                           "tcp://h:65536",
                           "tcp://h:1x",
                           "tcp://u@h:1",
                           "tcp://[::1",
                           "tcp://[x]:1",
                           "tcp://[::1]1",
                           "tcp://h:1/a b",
                           "tcp://h:1/?x",
                           "tcp://h?x",
                           "TCP://h:1"}) {
    EXPECT_EQ(ErrorReason(DaemonHost::Parse(text).status()), "INVALID_FIELD") << text;
    EXPECT_EQ(Canonical(text), absl::StrCat("unable to parse docker host `", text, "`"));
  }
}

TEST(DaemonHost, RelativeSocketIsRefused) {
  EXPECT_THAT(Canonical("unix://docker.sock"), HasSubstr("must be absolute"));
  EXPECT_THAT(Canonical("unix://"), HasSubstr("must be absolute"));
}

TEST(DaemonHost, SocketsPathFitsIntoAnAddress) {
  EXPECT_OK(DaemonHost::Parse(absl::StrCat("unix:///", std::string(106, 'a'))).status());
  EXPECT_THAT(Canonical(absl::StrCat("unix:///", std::string(107, 'a'))),
              HasSubstr("at most 107 bytes"));
}

}  // namespace
}  // namespace holkas
