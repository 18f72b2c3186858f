#include "service/settings.h"

#include <unistd.h>

#include <cstdlib>
#include <limits>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "proto/credentials/auth_file_search.h"
#include "proto/wire/proto_duration.h"
#include "service/policy/network.h"

namespace holkas {
namespace {

using config::v1::ServerConfig;

std::string Variable(const char* name) {
  const char* value = getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

LogLevel LevelOf(config::v1::LogLevel level) {
  switch (level) {
    case config::v1::LOG_LEVEL_DEBUG:
      return LogLevel::kDebug;
    case config::v1::LOG_LEVEL_WARNING:
      return LogLevel::kWarning;
    case config::v1::LOG_LEVEL_ERROR:
      return LogLevel::kError;
    case config::v1::LOG_LEVEL_OFF:
      return LogLevel::kOff;
    default:
      return LogLevel::kInfo;
  }
}

v1::SandboxTier TierOf(config::v1::RequiredTier tier) {
  switch (tier) {
    case config::v1::REQUIRED_TIER_SECCOMP:
      return v1::SANDBOX_TIER_SECCOMP;
    case config::v1::REQUIRED_TIER_FULL:
      return v1::SANDBOX_TIER_FULL;
    default:
      return v1::SANDBOX_TIER_LANDLOCK;
  }
}

RegistrySettings RegistrySettingsOf(const ServerConfig& config) {
  RegistrySettings settings;
  settings.insecure.insert(config.registries().insecure().begin(),
                           config.registries().insecure().end());
  settings.certificate_directories.assign(config.registries().certs_dirs().begin(),
                                          config.registries().certs_dirs().end());
  if (settings.certificate_directories.empty()) {
    const char* home = getenv("HOME");
    if (home != nullptr && home[0] == '/') {
      settings.certificate_directories.push_back(absl::StrCat(home, "/.config/containers/certs.d"));
    }
    settings.certificate_directories.push_back("/etc/containers/certs.d");
    settings.certificate_directories.push_back("/etc/docker/certs.d");
  }
  return settings;
}

RegistriesConfFiles RegistriesConfFilesOf(const ServerConfig& config, bool is_private) {
  const std::string& path = config.registries().registries_conf();
  if (!is_private) {
    return path.empty() ? RegistriesConfFiles() : RegistriesConfAt(path);
  }
  return FindRegistriesConf(path, ProcessRegistriesConfEnvironment());
}

CredentialSettings CredentialSettingsOf(const ServerConfig& config, bool is_private) {
  CredentialSettings settings;
  settings.auth_files.assign(config.registries().auth_files().begin(),
                             config.registries().auth_files().end());
  if (is_private) {
    settings.environment = ProcessAuthEnvironment();
  }
  const char* path = getenv("PATH");
  settings.helper_path = path == nullptr ? "" : path;
  return settings;
}

RealmSettings RealmSettingsOf(const ServerConfig& config, bool is_private) {
  RealmSettings settings;
  settings.trusted.assign(config.registries().token_realms().begin(),
                          config.registries().token_realms().end());
  // On a machine of one's own there is nobody else to be protected from one's registries.
  settings.own_domain_at_any_address = is_private;
  return settings;
}

RegistryRules RegistryRulesOf(const ServerConfig& config, bool is_private) {
  RegistryRules rules;
  rules.any = is_private;
  for (const std::string& text : config.registries().egress().allowed_registries()) {
    rules.allowed.push_back(*RegistryPattern::Parse(text));
  }
  rules.insecure.insert(config.registries().insecure().begin(),
                        config.registries().insecure().end());
  return rules;
}

std::vector<DaemonHost> DockerDaemonsOf(const ServerConfig& config) {
  std::vector<DaemonHost> daemons;
  for (const std::string& text : config.access().docker_daemons()) {
    daemons.push_back(*DaemonHost::Parse(text));
  }
  return daemons;
}

Egress EgressOf(const ServerConfig& config) {
  Egress egress;
  egress.proxies = ProxySettings(Variable);
  for (const std::string& text : config.registries().egress().denied_networks()) {
    egress.denied_networks.push_back(*Network::Parse(text));
  }
  return egress;
}

LocalPathSettings LocalPathSettingsOf(const ServerConfig& config, bool is_private) {
  LocalPathSettings settings;
  settings.own_user_any = config.access().own_user_paths() == config::v1::LOCAL_PATHS_ANY;
  settings.roots.assign(config.access().local_roots().begin(), config.access().local_roots().end());
  if (is_private) {
    std::unique_ptr<char, decltype(&free)> directory(getcwd(nullptr, 0), &free);
    settings.working_directory = directory == nullptr ? "" : directory.get();
  }
  return settings;
}

Timeouts TimeoutsOf(const ServerConfig& config, bool is_private) {
  Timeouts timeouts;
  timeouts.longest = ToDuration(config.limits().max_timeout());
  timeouts.inspect = ToDuration(config.limits().inspect_timeout());
  timeouts.copy = ToDuration(config.limits().copy_timeout());
  if (is_private) {
    // Its one caller waits for as long as it likes.
    timeouts.inspect = timeouts.copy = timeouts.archive_pause = timeouts.longest;
  }
  return timeouts;
}

SpoolQuota::Limits SpoolLimitsOf(const ServerConfig& config, bool is_private) {
  if (is_private) {
    // The disk is its one caller's own.
    constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();
    return {.archive_bytes = kNoLimit, .spooled_bytes = kNoLimit, .caller_bytes = kNoLimit};
  }
  return {.archive_bytes = config.limits().max_archive_bytes(),
          .spooled_bytes = config.limits().max_spooled_bytes(),
          .caller_bytes = config.limits().max_spooled_bytes_per_caller()};
}

}  // namespace holkas
