#ifndef HOLKAS_CLIENTS_CLI_AUTH_FILE_FLAG_H_
#define HOLKAS_CLIENTS_CLI_AUTH_FILE_FLAG_H_

#include <string>

#include "absl/status/status.h"
#include "clients/cli/command.h"
#include "clients/cli/flag_set.h"
#include "holkas/v1/image.pb.h"

namespace holkas {

// Makes of the file of credentials in `access`, which is as the user typed it, what the server
// understands. A private server reads the file itself, by its absolute path. A server that somebody
// runs does not see the user's files, and no server sees a pipe of the shell's: here the
// credentials for `image` are looked up, with the help of credential helpers, and sent; without
// any, the registry is accessed anonymously. What no flag names is sent to nobody. Errors:
// UNAUTHENTICATED (CREDENTIALS_UNAVAILABLE) where the file cannot be read, or a helper fails.
absl::Status ResolveAuthFile(const FlagSet& flags, const CommandContext& context,
                             const std::string& image, holkas::v1::RegistryAccess& access);

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_AUTH_FILE_FLAG_H_
