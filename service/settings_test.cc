#include "service/settings.h"

#include <limits>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace holkas {
namespace {

config::v1::ServerConfig Config() {
  config::v1::ServerConfig config;
  config.mutable_limits()->mutable_inspect_timeout()->set_seconds(60);
  config.mutable_limits()->mutable_copy_timeout()->set_seconds(3600);
  config.mutable_limits()->mutable_max_timeout()->set_seconds(7200);
  config.mutable_limits()->set_max_archive_bytes(10);
  config.mutable_limits()->set_max_spooled_bytes(20);
  config.mutable_limits()->set_max_spooled_bytes_per_caller(15);
  config.mutable_registries()->mutable_egress()->add_allowed_registries("a.test");
  return config;
}

TEST(SettingsTest, AServerForManyHasTheLimitsOfItsConfiguration) {
  const Timeouts timeouts = TimeoutsOf(Config(), /*is_private=*/false);
  EXPECT_EQ(timeouts.inspect, absl::Minutes(1));
  EXPECT_EQ(timeouts.copy, absl::Hours(1));
  EXPECT_EQ(timeouts.longest, absl::Hours(2));
  EXPECT_EQ(timeouts.archive_pause, absl::Minutes(1));
  EXPECT_EQ(SpoolLimitsOf(Config(), false).archive_bytes, 10);
  EXPECT_EQ(SpoolLimitsOf(Config(), false).spooled_bytes, 20);
  EXPECT_EQ(SpoolLimitsOf(Config(), false).caller_bytes, 15);
  EXPECT_FALSE(RegistryRulesOf(Config(), false).any);
  EXPECT_EQ(RegistryRulesOf(Config(), false).allowed.size(), 1u);
}

TEST(SettingsTest, ThePrivateServersCallerWaitsAsLongAsHeLikes) {
  const Timeouts timeouts = TimeoutsOf(Config(), /*is_private=*/true);
  EXPECT_EQ(timeouts.inspect, absl::Hours(2));
  EXPECT_EQ(timeouts.copy, absl::Hours(2));
  EXPECT_EQ(timeouts.archive_pause, absl::Hours(2));
  EXPECT_EQ(SpoolLimitsOf(Config(), true).archive_bytes, std::numeric_limits<int64_t>::max());
  EXPECT_EQ(SpoolLimitsOf(Config(), true).caller_bytes, std::numeric_limits<int64_t>::max());
  EXPECT_TRUE(RegistryRulesOf(Config(), true).any);
}

}  // namespace
}  // namespace holkas
