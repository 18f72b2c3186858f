#include "service/policy/grant_daemon.h"

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using ::testing::HasSubstr;

DaemonHost Host(absl::string_view text) { return DaemonHost::Parse(text).value(); }

broker::ImageLocation Location(const std::string& host, uint32_t port) {
  broker::ImageLocation location;
  location.mutable_docker_daemon()->set_host(host);
  location.mutable_docker_daemon()->set_port(port);
  return location;
}

TEST(GrantDaemon, NothingIsGrantedForAnImageThatIsInNoDaemon) {
  ASSERT_OK_AND_ASSIGN(const auto grant,
                       GrantDaemon(std::nullopt, {}, {.any = true, .allowed = {}}));
  EXPECT_FALSE(grant.has_value());
}

TEST(GrantDaemon, ListedDaemonIsGrantedAsTheWorkerNamesIt) {
  const DaemonRules rules{.any = false, .allowed = {Host("unix:///run/docker.sock")}};
  ASSERT_OK_AND_ASSIGN(const auto grant, GrantDaemon(Host("unix:///run/docker.sock"),
                                                     Location("localhost", 80), rules));
  EXPECT_EQ(grant->daemon.unix_path, "/run/docker.sock");
  EXPECT_EQ(grant->host, "localhost");
  EXPECT_EQ(grant->port, 80);
}

TEST(GrantDaemon, WhoMayUseAllNeedsNoList) {
  EXPECT_OK(
      GrantDaemon(Host("tcp://h:1"), Location("h", 1), {.any = true, .allowed = {}}).status());
}

TEST(GrantDaemon, OthersAreRefused) {
  const DaemonRules rules{.any = false,
                          .allowed = {Host("unix:///run/docker.sock"), Host("tcp://h:2376")}};
  for (const char* text : {"unix:///run/other.sock", "unix:///run/../run/docker.sock",
                           "http://h:2376", "tcp://h:2377", "tcp://h:2376/base"}) {
    const absl::Status status = GrantDaemon(Host(text), Location("h", 1), rules).status();
    EXPECT_THAT(status,
                StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("access.docker_daemons")))
        << text;
    EXPECT_EQ(ErrorReason(status), "DAEMON_DENIED");
  }
  EXPECT_EQ(ErrorReason(GrantDaemon(Host("unix:///a"), Location("h", 1), DaemonRules()).status()),
            "DAEMON_DENIED");
}

}  // namespace
}  // namespace holkas
