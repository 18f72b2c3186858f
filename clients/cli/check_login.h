#ifndef HOLKAS_CLIENTS_CLI_CHECK_LOGIN_H_
#define HOLKAS_CLIENTS_CLI_CHECK_LOGIN_H_

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "clients/cli/command.h"
#include "clients/cli/flag_set.h"
#include "proto/credentials/credential_key.h"
#include "proto/credentials/credentials.h"

namespace holkas {

// Asks the registry of `key`, through a server, whether it accepts `login`; reached as the flags
// --tls-verify and --cert-dir say.
// Errors: UNAUTHENTICATED (REGISTRY_UNAUTHORIZED) where it does not; those of the connection and of
// reading certificates.
absl::Status CheckLogin(const FlagSet& flags, CommandContext& context, const CredentialKey& key,
                        const UserPassword& login, absl::Time deadline);

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_CHECK_LOGIN_H_
