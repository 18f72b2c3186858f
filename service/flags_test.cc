#include "service/flags.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace holkas {
namespace {

std::variant<Flags, int> Parse(std::vector<std::string> args) {
  std::vector<char*> argv = {const_cast<char*>("holkasd")};
  for (std::string& arg : args) {
    argv.push_back(arg.data());
  }
  return ParseFlags(static_cast<int>(argv.size()), argv.data());
}

config::v1::ServerConfig Apply(const std::vector<std::string>& args,
                               config::v1::ServerConfig config = {}) {
  ApplyFlags(std::get<Flags>(Parse(args)), config);
  return config;
}

TEST(Flags, WinOverTheConfiguration) {
  config::v1::ServerConfig config;
  config.add_listen("unix:/from/file");
  config.mutable_log()->set_level(config::v1::LOG_LEVEL_OFF);
  config = Apply({"--listen", "unix:/a", "--listen", "tcp:127.0.0.1:0", "--insecure-tcp",
                  "--sandbox-tier=full", "--log-level=debug", "--registries-conf=r.conf",
                  "--token-realms=a.test,b.test:5000"},
                 config);
  EXPECT_THAT(config.listen(), testing::ElementsAre("unix:/a", "tcp:127.0.0.1:0"));
  EXPECT_TRUE(config.access().insecure_tcp());
  EXPECT_EQ(config.sandbox().required_tier(), config::v1::REQUIRED_TIER_FULL);
  EXPECT_EQ(config.log().level(), config::v1::LOG_LEVEL_DEBUG);
  EXPECT_EQ(config.registries().registries_conf(), "r.conf");
  EXPECT_THAT(config.registries().token_realms(), testing::ElementsAre("a.test", "b.test:5000"));
}

TEST(Flags, WithoutFlagsTheConfigurationStays) {
  config::v1::ServerConfig config;
  config.add_listen("unix:/from/file");
  config.mutable_sandbox()->set_required_tier(config::v1::REQUIRED_TIER_SECCOMP);
  config.mutable_registries()->set_registries_conf("/from/file");
  EXPECT_EQ(Apply({}, config).SerializeAsString(), config.SerializeAsString());
}

TEST(Flags, APrivateServerLogsErrorsAlone) {
  EXPECT_EQ(Apply({"--connection-fd", "3"}).log().level(), config::v1::LOG_LEVEL_ERROR);
  EXPECT_EQ(Apply({"--connection-fd=3", "--log-level=info"}).log().level(),
            config::v1::LOG_LEVEL_INFO);
}

TEST(Flags, HelpAndVersionEndWell) {
  EXPECT_EQ(std::get<int>(Parse({"--help"})), 0);
  EXPECT_EQ(std::get<int>(Parse({"--version"})), 0);
}

TEST(Flags, WrongOnesEndBadly) {
  EXPECT_NE(std::get<int>(Parse({"--colour"})), 0);
  EXPECT_NE(std::get<int>(Parse({"--sandbox-tier=strong"})), 0);
  EXPECT_NE(std::get<int>(Parse({"--connection-fd=-1"})), 0);
  EXPECT_NE(std::get<int>(Parse({"surplus"})), 0);
}

}  // namespace
}  // namespace holkas
