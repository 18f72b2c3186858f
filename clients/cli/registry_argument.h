#ifndef HOLKAS_CLIENTS_CLI_REGISTRY_ARGUMENT_H_
#define HOLKAS_CLIENTS_CLI_REGISTRY_ARGUMENT_H_

#include <string>

#include "absl/status/statusor.h"
#include "proto/credentials/credential_key.h"

namespace holkas {

// The REGISTRY that login and logout take: a registry, or a namespace or repository in one. Of a
// URL the host and port alone count, as with Skopeo. Errors: INVALID_ARGUMENT with Skopeo's text.
absl::StatusOr<CredentialKey> ParseRegistryArgument(const std::string& argument);

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_REGISTRY_ARGUMENT_H_
