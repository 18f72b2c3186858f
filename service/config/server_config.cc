#include "service/config/server_config.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/daemon_host.h"
#include "proto/wire/error.h"
#include "proto/wire/proto_duration.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/unique_fd.h"
#include "service/config/yaml_message.h"
#include "service/policy/network.h"
#include "service/policy/registry_rules.h"

namespace holkas {
namespace {

using config::v1::ServerConfig;

// More than the YAML reader takes, so that it is the one to complain.
constexpr size_t kMaxFileBytes = (1 << 20) + 1;
// The largest chunk of an Import, 1 MiB, and what is around it.
constexpr uint32_t kLeastMessageBytes = (1 << 20) + (64 << 10);
constexpr int64_t kMaxTimeoutSeconds = int64_t{24} * 60 * 60;

// Checks one parsed configuration; errors name the line where the field was set.
class Checker {
 public:
  Checker(absl::string_view name, const YamlLines& lines) : name_(name), lines_(lines) {}

  absl::Status Check(const ServerConfig& config) const {
    RETURN_IF_ERROR(CheckLimits(config.limits()));
    RETURN_IF_ERROR(CheckAccess(config));
    RETURN_IF_ERROR(AtMost("sandbox.spare_workers", config.sandbox().spare_workers(), 64));
    RETURN_IF_ERROR(Timeout("drain_timeout", config.drain_timeout()));
    if (!config.blob_info_cache().empty()) {
      RETURN_IF_ERROR(Absolute("blob_info_cache", config.blob_info_cache()));
    }
    for (int i = 0; i < config.access().local_roots_size(); ++i) {
      RETURN_IF_ERROR(
          Absolute(absl::StrCat("access.local_roots[", i, "]"), config.access().local_roots(i)));
    }
    for (int i = 0; i < config.access().docker_daemons_size(); ++i) {
      const absl::Status daemon = DaemonHost::Parse(config.access().docker_daemons(i)).status();
      if (!daemon.ok()) {
        return Error(absl::StrCat("access.docker_daemons[", i, "]"), daemon.message());
      }
    }
    for (int i = 0; i < config.registries().certs_dirs_size(); ++i) {
      RETURN_IF_ERROR(Absolute(absl::StrCat("registries.certs_dirs[", i, "]"),
                               config.registries().certs_dirs(i)));
    }
    if (!config.registries().registries_conf().empty()) {
      RETURN_IF_ERROR(
          Absolute("registries.registries_conf", config.registries().registries_conf()));
    }
    for (int i = 0; i < config.registries().insecure_size(); ++i) {
      const std::string& registry = config.registries().insecure(i);
      if (registry.empty() || absl::StrContains(registry, "/")) {
        return Error(absl::StrCat("registries.insecure[", i, "]"), "must be host or host:port");
      }
    }
    return CheckEgress(config.registries().egress());
  }

 private:
  absl::Status CheckAccess(const ServerConfig& config) const {
    const std::pair<const char*, const std::string&> files[] = {
        {"tls.certificate_file", config.tls().certificate_file()},
        {"tls.key_file", config.tls().key_file()},
        {"tls.client_ca_file", config.tls().client_ca_file()},
        {"access.token_file", config.access().token_file()},
        {"access.allow_file", config.access().allow_file()},
    };
    for (const auto& [key, path] : files) {
      if (!path.empty()) {
        RETURN_IF_ERROR(Absolute(key, path));
      }
    }
    if (!config.has_tls()) {
      return absl::OkStatus();
    }
    const config::v1::Tls& tls = config.tls();
    if (tls.certificate_file().empty() || tls.key_file().empty()) {
      return Error("tls", "wants a certificate_file and a key_file");
    }
    const bool asks = tls.client_certificates() == config::v1::CLIENT_CERTIFICATES_OPTIONAL ||
                      tls.client_certificates() == config::v1::CLIENT_CERTIFICATES_REQUIRED;
    if (asks && tls.client_ca_file().empty()) {
      return Error("tls.client_certificates", "wants a client_ca_file");
    }
    if (tls.client_certificates() == config::v1::CLIENT_CERTIFICATES_NONE &&
        !tls.client_ca_file().empty()) {
      return Error("tls.client_ca_file", "is of no use where client_certificates is none");
    }
    if (tls.client_ca_file().empty() && config.access().token_file().empty()) {
      return Error("tls",
                   "wants a client_ca_file or access.token_file: nobody could be identified");
    }
    return absl::OkStatus();
  }

  absl::Status CheckEgress(const config::v1::Egress& egress) const {
    for (int i = 0; i < egress.allowed_registries_size(); ++i) {
      if (!RegistryPattern::Parse(egress.allowed_registries(i)).has_value()) {
        return Error(absl::StrCat("registries.egress.allowed_registries[", i, "]"),
                     "must be host, host:port or *.domain, with * for any host or port");
      }
    }
    for (int i = 0; i < egress.denied_networks_size(); ++i) {
      if (!Network::Parse(egress.denied_networks(i)).has_value()) {
        return Error(absl::StrCat("registries.egress.denied_networks[", i, "]"),
                     "must be a network such as 10.0.0.0/8");
      }
    }
    return absl::OkStatus();
  }

  absl::Status CheckLimits(const config::v1::Limits& limits) const {
    RETURN_IF_ERROR(
        AtMost("limits.max_concurrent_requests", limits.max_concurrent_requests(), 1024));
    RETURN_IF_ERROR(AtMost("limits.max_queued_requests", limits.max_queued_requests(), 4096));
    RETURN_IF_ERROR(AtMost("limits.max_connections", limits.max_connections(), 65536));
    RETURN_IF_ERROR(
        AtMost("limits.max_connections_per_user", limits.max_connections_per_user(), 65536));
    RETURN_IF_ERROR(
        AtMost("limits.max_connections_per_registry", limits.max_connections_per_registry(), 4096));
    RETURN_IF_ERROR(
        AtMost("limits.max_requests_per_caller", limits.max_requests_per_caller(), 5120));
    RETURN_IF_ERROR(
        AtMost("limits.max_silent_connections", limits.max_silent_connections(), 65536));
    RETURN_IF_ERROR(
        AtMost("limits.max_streams_per_connection", limits.max_streams_per_connection(), 1000));
    RETURN_IF_ERROR(Between("limits.max_message_bytes", limits.max_message_bytes(),
                            kLeastMessageBytes, 16 << 20));
    RETURN_IF_ERROR(
        Between("limits.max_metadata_bytes", limits.max_metadata_bytes(), 4 << 10, 64 << 10));
    const absl::Duration handshake = ToDuration(limits.handshake_timeout());
    if (handshake != absl::ZeroDuration() &&
        (handshake < absl::Milliseconds(100) || handshake > absl::Minutes(10))) {
      return Error("limits.handshake_timeout", "must be from 100ms to 10m");
    }
    RETURN_IF_ERROR(Timeout("limits.inspect_timeout", limits.inspect_timeout()));
    RETURN_IF_ERROR(Timeout("limits.copy_timeout", limits.copy_timeout()));
    return Timeout("limits.max_timeout", limits.max_timeout());
  }

  absl::Status AtMost(const std::string& key, uint32_t value, uint32_t most) const {
    return value <= most ? absl::OkStatus()
                         : Error(key, absl::StrCat("must be at most ", most, ", is ", value));
  }

  // Or 0, for the default.
  absl::Status Between(const std::string& key, uint32_t value, uint32_t least,
                       uint32_t most) const {
    return value == 0 || (value >= least && value <= most)
               ? absl::OkStatus()
               : Error(key, absl::StrCat("must be from ", least, " to ", most, ", is ", value));
  }

  absl::Status Timeout(const std::string& key, const google::protobuf::Duration& value) const {
    return value.seconds() <= kMaxTimeoutSeconds ? absl::OkStatus()
                                                 : Error(key, "must be at most 24h");
  }

  absl::Status Absolute(const std::string& key, const std::string& path) const {
    return absl::StartsWith(path, "/")
               ? absl::OkStatus()
               : Error(key, absl::StrCat("must be an absolute path, is \"", path, "\""));
  }

  absl::Status Error(const std::string& key, absl::string_view why) const {
    return YamlError(name_, lines_, key, why);
  }

  const std::string name_;
  const YamlLines& lines_;
};

void DefaultTo(google::protobuf::Duration& duration, int64_t seconds) {
  if (duration.seconds() == 0 && duration.nanos() == 0) {
    duration.set_seconds(seconds);
  }
}

void FillDefaults(ServerConfig& config) {
  config::v1::Limits& limits = *config.mutable_limits();
  if (limits.max_concurrent_requests() == 0) {
    limits.set_max_concurrent_requests(64);
  }
  if (limits.max_queued_requests() == 0) {
    limits.set_max_queued_requests(128);
  }
  if (limits.max_connections() == 0) {
    limits.set_max_connections(4096);
  }
  if (limits.max_connections_per_user() == 0) {
    limits.set_max_connections_per_user(1024);
  }
  if (limits.max_connections_per_registry() == 0) {
    limits.set_max_connections_per_registry(32);
  }
  if (limits.max_archive_bytes() == 0) {
    limits.set_max_archive_bytes(int64_t{16} << 30);
  }
  if (limits.max_spooled_bytes() == 0) {
    limits.set_max_spooled_bytes(int64_t{64} << 30);
  }
  if (limits.max_spooled_bytes_per_caller() == 0) {
    // Enough for one archive, where there is enough for that.
    limits.set_max_spooled_bytes_per_caller(
        std::max(limits.max_spooled_bytes() / 2,
                 std::min(limits.max_archive_bytes(), limits.max_spooled_bytes())));
  }
  if (limits.max_requests_per_caller() == 0) {
    // Some places are always left to others.
    const uint32_t all = limits.max_concurrent_requests() + limits.max_queued_requests();
    limits.set_max_requests_per_caller(all - all / 8);
  }
  if (limits.max_silent_connections() == 0) {
    limits.set_max_silent_connections(256);
  }
  if (limits.max_streams_per_connection() == 0) {
    limits.set_max_streams_per_connection(100);
  }
  if (limits.max_message_bytes() == 0) {
    limits.set_max_message_bytes(2 << 20);
  }
  if (limits.max_metadata_bytes() == 0) {
    limits.set_max_metadata_bytes(16 << 10);
  }
  DefaultTo(*limits.mutable_handshake_timeout(), 10);
  DefaultTo(*limits.mutable_inspect_timeout(), 60);
  DefaultTo(*limits.mutable_copy_timeout(), 3600);
  DefaultTo(*limits.mutable_max_timeout(), kMaxTimeoutSeconds);
  if (!config.has_drain_timeout()) {
    config.mutable_drain_timeout()->set_seconds(600);
  }
  if (config.sandbox().required_tier() == config::v1::REQUIRED_TIER_UNSPECIFIED) {
    config.mutable_sandbox()->set_required_tier(config::v1::REQUIRED_TIER_BEST);
  }
  if (!config.sandbox().has_spare_workers()) {
    config.mutable_sandbox()->set_spare_workers(4);
  }
  if (config.has_tls() &&
      config.tls().client_certificates() == config::v1::CLIENT_CERTIFICATES_UNSPECIFIED) {
    config.mutable_tls()->set_client_certificates(config.tls().client_ca_file().empty()
                                                      ? config::v1::CLIENT_CERTIFICATES_NONE
                                                      : config::v1::CLIENT_CERTIFICATES_REQUIRED);
  }
  if (config.access().own_user_paths() == config::v1::LOCAL_PATHS_UNSPECIFIED) {
    config.mutable_access()->set_own_user_paths(config::v1::LOCAL_PATHS_ANY);
  }
  if (config.log().level() == config::v1::LOG_LEVEL_UNSPECIFIED) {
    config.mutable_log()->set_level(config::v1::LOG_LEVEL_INFO);
  }
  if (config.log().format() == config::v1::LOG_FORMAT_UNSPECIFIED) {
    config.mutable_log()->set_format(config::v1::LOG_FORMAT_JSON);
  }
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) {
    return ErrnoError(errno, absl::StrCat("open configuration ", path));
  }
  std::string text;
  char buffer[16 << 10];
  while (text.size() < kMaxFileBytes) {
    const ssize_t size = read(fd.get(), buffer, sizeof buffer);
    if (size < 0 && errno == EINTR) {
      continue;
    }
    if (size < 0) {
      return ErrnoError(errno, absl::StrCat("read configuration ", path));
    }
    if (size == 0) {
      break;
    }
    text.append(buffer, static_cast<size_t>(size));
  }
  return text;
}

}  // namespace

absl::StatusOr<ServerConfig> ParseServerConfig(absl::string_view text, absl::string_view name) {
  ServerConfig config;
  ASSIGN_OR_RETURN(const YamlLines lines, ParseYaml(text, name, config));
  RETURN_IF_ERROR(Checker(name, lines).Check(config));
  FillDefaults(config);
  return config;
}

absl::StatusOr<ServerConfig> LoadServerConfig(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  return ParseServerConfig(text, path);
}

ServerConfig DefaultServerConfig() {
  ServerConfig config;
  FillDefaults(config);
  return config;
}

}  // namespace holkas
