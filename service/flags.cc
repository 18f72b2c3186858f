#include "service/flags.h"

#include <CLI/CLI.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/version.h"

namespace holkas {
namespace {

constexpr char kUsageExamples[] =
    "Examples:\n"
    "  holkasd                                    serve this user on a unix socket\n"
    "  holkasd --listen unix:/run/ci/holkas.sock  serve on another one\n"
    "  holkasd --config /etc/holkas/holkasd.yaml  serve as the file says";

}  // namespace

std::variant<Flags, int> ParseFlags(int argc, char** argv) {
  Flags flags;
  CLI::App app("Moves container images for its callers, each request in a sandboxed process.",
               "holkasd");
  app.footer(kUsageExamples);
  app.set_version_flag("--version", absl::StrCat("holkasd version ", kVersion));
  app.add_option("--config", flags.config_file, "Configuration file (YAML)")->type_name("FILE");
  app.add_option("--listen", flags.listen,
                 "Where to listen: unix:/PATH or tcp:ADDRESS:PORT; may be repeated")
      ->type_name("WHERE");
  app.add_flag("--insecure-tcp", flags.insecure_tcp,
               "Serve TCP without encryption, to everybody on this machine");
  app.add_option("--connection-fd", flags.connection_fd,
                 "Serve the connected socket N alone, and end with it")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--sandbox-tier", flags.sandbox_tier, "The least confinement of workers to accept")
      ->type_name("TIER")
      ->check(CLI::IsMember({"best", "full", "landlock", "seccomp"}));
  app.add_option("--log-level", flags.log_level, "The least severity to log")
      ->type_name("LEVEL")
      ->check(CLI::IsMember({"debug", "info", "warning", "error", "off"}));
  app.add_option("--worker-binary", flags.worker_binary,
                 "The worker program (default: holkas-worker beside this one)")
      ->type_name("FILE");
  app.add_option("--token-realms", flags.token_realms,
                 "Hosts that get a registry's credentials where it names them as its token realm")
      ->type_name("HOST[:PORT]")
      ->delimiter(',');
  // Hidden, as Skopeo's.
  app.add_option("--registries-conf", flags.registries_conf)->type_name("FILE")->group("");
  // CLI11 reports by exceptions; none passes this function.
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  }
  return flags;
}

void ApplyFlags(const Flags& flags, config::v1::ServerConfig& config) {
  if (!flags.listen.empty()) {
    config.mutable_listen()->Assign(flags.listen.begin(), flags.listen.end());
  }
  if (flags.insecure_tcp) {
    config.mutable_access()->set_insecure_tcp(true);
  }
  if (!flags.registries_conf.empty()) {
    config.mutable_registries()->set_registries_conf(flags.registries_conf);
  }
  if (!flags.token_realms.empty()) {
    config.mutable_registries()->mutable_token_realms()->Assign(flags.token_realms.begin(),
                                                                flags.token_realms.end());
  }
  config::v1::RequiredTier tier;
  if (config::v1::RequiredTier_Parse(
          absl::StrCat("REQUIRED_TIER_", absl::AsciiStrToUpper(flags.sandbox_tier)), &tier)) {
    config.mutable_sandbox()->set_required_tier(tier);
  }
  config::v1::LogLevel level;
  if (config::v1::LogLevel_Parse(absl::StrCat("LOG_LEVEL_", absl::AsciiStrToUpper(flags.log_level)),
                                 &level)) {
    config.mutable_log()->set_level(level);
  } else if (flags.connection_fd.has_value() && flags.config_file.empty()) {
    // Standard error is the command line's, whose user did not ask for a log.
    config.mutable_log()->set_level(config::v1::LOG_LEVEL_ERROR);
  }
}

}  // namespace holkas
