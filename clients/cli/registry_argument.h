#ifndef HOLKAS_CLIENTS_CLI_REGISTRY_ARGUMENT_H_
#define HOLKAS_CLIENTS_CLI_REGISTRY_ARGUMENT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/credentials/credential_key.h"

namespace holkas {

// The REGISTRY that login and logout take: a registry, or a namespace or repository in one. Of a
// URL the host and port alone count, as with Skopeo. Errors: INVALID_ARGUMENT with Skopeo's text.
absl::StatusOr<CredentialKey> ParseRegistryArgument(const std::string& argument);

// The one of a command that takes just one. `command` and `purpose`, as in "login" and "login to",
// are for the errors.
absl::StatusOr<CredentialKey> ParseOneRegistryArgument(const std::vector<std::string>& arguments,
                                                       absl::string_view command,
                                                       absl::string_view purpose);

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_REGISTRY_ARGUMENT_H_
