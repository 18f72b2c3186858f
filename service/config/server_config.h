#ifndef HOLKAS_SERVICE_CONFIG_SERVER_CONFIG_H_
#define HOLKAS_SERVICE_CONFIG_SERVER_CONFIG_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "holkas/config/v1/server_config.pb.h"

namespace holkas {

// The configuration of holkasd (proto/holkas/config/v1/server_config.proto): read from a YAML file,
// checked, and complete: every field that has a default holds a value. Only `listen`,
// `registries.certs_dirs` and other lists may be empty.

// Errors: INVALID_ARGUMENT (INVALID_CONFIG), `name:line: key: why`.
absl::StatusOr<config::v1::ServerConfig> ParseServerConfig(absl::string_view text,
                                                           absl::string_view name);

// The configuration in the file at `path`.
// Errors: as ParseServerConfig, and NOT_FOUND and others where the file cannot be read.
absl::StatusOr<config::v1::ServerConfig> LoadServerConfig(const std::string& path);

// What holds without a configuration file.
config::v1::ServerConfig DefaultServerConfig();

}  // namespace holkas

#endif  // HOLKAS_SERVICE_CONFIG_SERVER_CONFIG_H_
