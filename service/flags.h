#ifndef HOLKAS_SERVICE_FLAGS_H_
#define HOLKAS_SERVICE_FLAGS_H_

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "holkas/config/v1/server_config.pb.h"

namespace holkas {

// The command line of holkasd. Flags win over the configuration file.
struct Flags {
  std::string config_file;  // empty: none
  std::vector<std::string> listen;
  bool insecure_tcp = false;
  // An inherited, connected socket to serve alone.
  std::optional<int> connection_fd;
  std::string sandbox_tier;  // an enum value's name in lower case, as in the configuration
  std::string log_level;     // the same
  std::string worker_binary;
  std::string registries_conf;
  std::vector<std::string> token_realms;
};

// The flags, or the exit code after help, version or an error was printed.
std::variant<Flags, int> ParseFlags(int argc, char** argv);

// Puts the flags that are set in the place of what the configuration says. `flags` are valid.
void ApplyFlags(const Flags& flags, config::v1::ServerConfig& config);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_FLAGS_H_
