#ifndef HOLKAS_CLIENTS_CLI_SERVER_FLAGS_H_
#define HOLKAS_CLIENTS_CLI_SERVER_FLAGS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "clients/cli/flag_set.h"
#include "clients/cpp/channel.h"

namespace holkas {

// How to reach a server over TCP: TLS, and who the user is there. Each flag has a variable,
// `HOLKAS_SERVER_CA` for `--server-ca`, which holds where the flag is not given.

// The global flags.
std::vector<Flag> ServerFlags();

// The values of the flags' variables in the environment of this process, by the names of the flags.
std::map<std::string, std::string> ServerVariables();

// What flags and variables say of the server at `address`, with the content of the files that they
// name. Flags that are of no use for that address, or without TLS, are an error, variables are not.
// Errors: INVALID_ARGUMENT; those of reading the files.
absl::StatusOr<ServerAccess> ServerAccessOf(const FlagSet& flags,
                                            const std::map<std::string, std::string>& variables,
                                            const std::string& address);

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_SERVER_FLAGS_H_
