#ifndef HOLKAS_SERVICE_SETTINGS_H_
#define HOLKAS_SERVICE_SETTINGS_H_

#include <vector>

#include "holkas/config/v1/server_config.pb.h"
#include "holkas/v1/image_service.pb.h"
#include "proto/registries/registries_conf.h"
#include "proto/wire/daemon_host.h"
#include "service/broker/egress.h"
#include "service/credentials/credential_store.h"
#include "service/credentials/realm_policy.h"
#include "service/policy/registry_rules.h"
#include "service/rpc/job_spec.h"
#include "service/rpc/request_context.h"
#include "service/spool/spool_quota.h"
#include "service/telemetry/logger.h"

namespace holkas {

// What a configuration, which was checked and has its defaults, says to each part of the server.
// `is_private`: the command line's own server, whose one caller could do everything without it.

LogLevel LevelOf(config::v1::LogLevel level);
v1::SandboxTier TierOf(config::v1::RequiredTier tier);
RegistrySettings RegistrySettingsOf(const config::v1::ServerConfig& config);
// The private server reads what Skopeo would, for its user; others what they are told to.
RegistriesConfFiles RegistriesConfFilesOf(const config::v1::ServerConfig& config, bool is_private);
CredentialSettings CredentialSettingsOf(const config::v1::ServerConfig& config, bool is_private);
RealmSettings RealmSettingsOf(const config::v1::ServerConfig& config, bool is_private);
RegistryRules RegistryRulesOf(const config::v1::ServerConfig& config, bool is_private);
std::vector<DaemonHost> DockerDaemonsOf(const config::v1::ServerConfig& config);
// With the proxies of the environment.
Egress EgressOf(const config::v1::ServerConfig& config);
LocalPathSettings LocalPathSettingsOf(const config::v1::ServerConfig& config, bool is_private);
Timeouts TimeoutsOf(const config::v1::ServerConfig& config, bool is_private);
SpoolQuota::Limits SpoolLimitsOf(const config::v1::ServerConfig& config, bool is_private);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_SETTINGS_H_
