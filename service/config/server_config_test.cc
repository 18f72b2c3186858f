#include "service/config/server_config.h"

#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/error.h"
#include "proto/wire/proto_duration.h"
#include "proto/wire/status_matchers.h"

namespace holkas {
namespace {

using absl::StatusCode;
using config::v1::ServerConfig;
using testing::ElementsAre;
using testing::HasSubstr;

absl::StatusOr<ServerConfig> Parse(absl::string_view text) {
  return ParseServerConfig(text, "holkas.yaml");
}

auto IsConfigError(const std::string& text) {
  return StatusIs(StatusCode::kInvalidArgument, HasSubstr(text));
}

TEST(ParseServerConfig, ReadsEveryKindOfField) {
  ASSERT_OK_AND_ASSIGN(ServerConfig config, Parse(R"(
listen: [unix:/run/h/h.sock, "tcp:127.0.0.1:0"]
access: {insecure_tcp: true, allowed_user_ids: [7, 8], local_roots: [/srv]}
sandbox: {required_tier: full}
registries:
  insecure: [localhost:5000]
  egress: {allowed_registries: ["*.a.test:*"], denied_networks: [10.0.0.0/8]}
limits: {max_concurrent_requests: 3, inspect_timeout: 1m30s}
log: {level: debug, format: text}
drain_timeout: 1500ms
)"));
  EXPECT_THAT(config.listen(), ElementsAre("unix:/run/h/h.sock", "tcp:127.0.0.1:0"));
  EXPECT_TRUE(config.access().insecure_tcp());
  EXPECT_THAT(config.access().allowed_user_ids(), ElementsAre(7, 8));
  EXPECT_EQ(config.sandbox().required_tier(), config::v1::REQUIRED_TIER_FULL);
  EXPECT_THAT(config.registries().insecure(), ElementsAre("localhost:5000"));
  EXPECT_THAT(config.registries().egress().allowed_registries(), ElementsAre("*.a.test:*"));
  EXPECT_EQ(config.limits().max_concurrent_requests(), 3u);
  EXPECT_EQ(ToDuration(config.limits().inspect_timeout()), absl::Seconds(90));
  EXPECT_EQ(ToDuration(config.drain_timeout()), absl::Milliseconds(1500));
  EXPECT_EQ(config.log().level(), config::v1::LOG_LEVEL_DEBUG);
}

TEST(ParseServerConfig, EmptyTextGivesTheDefaults) {
  ASSERT_OK_AND_ASSIGN(ServerConfig config, Parse("# nothing\n"));
  EXPECT_EQ(config.SerializeAsString(), DefaultServerConfig().SerializeAsString());
  EXPECT_EQ(config.limits().max_concurrent_requests(), 64u);
  EXPECT_EQ(config.limits().max_queued_requests(), 128u);
  EXPECT_EQ(ToDuration(config.drain_timeout()), absl::Minutes(10));
}

TEST(ParseServerConfig, OneCallersShareOfTheSpoolIsHalfOfItOrOneArchive) {
  constexpr int64_t kGiB = 1 << 30;
  const auto share = [](const std::string& limits) {
    return Parse("limits: {" + limits + "}").value().limits().max_spooled_bytes_per_caller();
  };
  EXPECT_EQ(share(""), 32 * kGiB);
  EXPECT_EQ(share("max_spooled_bytes: 21474836480"), 16 * kGiB);
  EXPECT_EQ(share("max_spooled_bytes: 1073741824"), kGiB);
  EXPECT_EQ(share("max_spooled_bytes_per_caller: 5"), 5);
}

TEST(ParseServerConfig, UnknownKeyNamesFileLineAndKey) {
  EXPECT_THAT(Parse("listen: []\nlimits:\n  max_request: 1\n"),
              IsConfigError("holkas.yaml:3: limits.max_request: unknown key"));
  EXPECT_EQ(ErrorReason(Parse("x: 1").status()), "INVALID_CONFIG");
}

TEST(ParseServerConfig, KeyThatStandsTwiceNamesBothLines) {
  EXPECT_THAT(Parse("log: {}\n\nlog: {}\n"),
              IsConfigError("holkas.yaml:3: log: stands twice; first in line 1"));
}

TEST(ParseServerConfig, WrongTypesNameTheLine) {
  EXPECT_THAT(Parse("\nlisten: unix:/x\n"), IsConfigError(":2: listen: must be a list"));
  EXPECT_THAT(Parse("limits: 5"), IsConfigError(":1: limits: must be a mapping"));
  EXPECT_THAT(Parse("limits:\n  max_connections: many"),
              IsConfigError(":2: limits.max_connections: must be a whole number"));
  EXPECT_THAT(Parse("limits:\n  max_connections: '5'"), IsConfigError("must be a whole number"));
  EXPECT_THAT(Parse("limits:\n  max_connections: -1"), IsConfigError("must be a whole number"));
  EXPECT_THAT(Parse("access: {insecure_tcp: yes}"),
              IsConfigError("access.insecure_tcp: must be true or false, is \"yes\""));
  EXPECT_OK(Parse("sandbox: {spare_workers: 64}"));
  EXPECT_THAT(Parse("sandbox: {spare_workers: 65}"),
              IsConfigError(":1: sandbox.spare_workers: must be at most 64, is 65"));
  EXPECT_THAT(Parse("sandbox: {required_tier: strong}"),
              IsConfigError("must be one of seccomp, landlock, full, best, is \"strong\""));
  EXPECT_THAT(Parse("drain_timeout: 5"), IsConfigError("drain_timeout: must be a duration"));
  EXPECT_THAT(Parse("listen:\n  - unix:/a\n  - [x]"), IsConfigError(":3: listen[1]: must be"));
  EXPECT_THAT(Parse("log:\n"), IsConfigError(":1: log: has no value"));
  EXPECT_THAT(Parse("[1]"), IsConfigError(":1: must be a mapping"));
}

TEST(ParseServerConfig, ValuesOutOfRangeNameTheLine) {
  EXPECT_THAT(Parse("limits:\n  max_concurrent_requests: 1025"),
              IsConfigError(":2: limits.max_concurrent_requests: must be at most 1024, is 1025"));
  // Less than what holds a chunk of an Import.
  EXPECT_THAT(Parse("limits:\n  max_message_bytes: 1048576"),
              IsConfigError(":2: limits.max_message_bytes: must be from 1114112 to 16777216, is "));
  EXPECT_OK(Parse("limits: {max_message_bytes: 1114112}"));
  EXPECT_THAT(Parse("drain_timeout: 25h"), IsConfigError("must be at most 24h"));
  EXPECT_THAT(Parse("access:\n  local_roots:\n    - srv"),
              IsConfigError(":3: access.local_roots[0]: must be an absolute path"));
  EXPECT_THAT(Parse("access:\n  docker_daemons:\n    - unix:///a\n    - ssh://b"),
              IsConfigError(":4: access.docker_daemons[1]: unable to parse docker host `ssh://b`"));
  EXPECT_THAT(Parse("registries: {insecure: [a/b]}"), IsConfigError("must be host or host:port"));
  EXPECT_THAT(Parse("registries: {registries_conf: r.conf}"),
              IsConfigError("registries.registries_conf: must be an absolute path"));
  EXPECT_THAT(Parse("registries:\n  egress:\n    allowed_registries: [a.test, '*a.test']"),
              IsConfigError(":3: registries.egress.allowed_registries[1]: must be host,"));
  EXPECT_THAT(Parse("registries:\n  egress:\n    denied_networks: [10.0.0.0/8, 10.0.0.1]"),
              IsConfigError(":3: registries.egress.denied_networks[1]: must be a network"));
}

TEST(ParseServerConfig, MalformedYamlNamesTheLine) {
  EXPECT_THAT(Parse("listen: [a\nlog: {"), IsConfigError("holkas.yaml:2: "));
  EXPECT_THAT(Parse("log: {}\n---\nlog: {}\n"), IsConfigError("more than one document"));
}

TEST(ParseServerConfig, HugeTextIsRefused) {
  EXPECT_THAT(Parse("# " + std::string(2 << 20, 'x')), IsConfigError("larger than"));
}

TEST(LoadServerConfig, MissingFileIsNotFound) {
  EXPECT_THAT(LoadServerConfig(testing::TempDir() + "/none.yaml"),
              StatusIs(StatusCode::kNotFound, HasSubstr("none.yaml")));
}

TEST(LoadServerConfig, ErrorsNameThePath) {
  const std::string path = testing::TempDir() + "/broken.yaml";
  std::ofstream(path) << "colour: red\n";
  EXPECT_THAT(LoadServerConfig(path), IsConfigError(path + ":1: colour: unknown key"));
}

}  // namespace
}  // namespace holkas
