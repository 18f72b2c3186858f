#ifndef HOLKAS_CLIENTS_CLI_REGISTRY_FLAGS_H_
#define HOLKAS_CLIENTS_CLI_REGISTRY_FLAGS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "clients/cli/flag_set.h"
#include "holkas/v1/image.pb.h"

namespace holkas {

// Skopeo's flags that say how to reach a registry, for one image of a command. `prefix` is "",
// "src-" or "dest-".

std::vector<Flag> RegistryFlags(absl::string_view prefix);

// What `flags` say; TLS verification as in `deprecated_tls` where they do not say it. A file of
// credentials is still to be resolved (auth_file_flag.h), and so is the directory of shared blobs.
// Errors: INVALID_ARGUMENT with Skopeo's text for flags that exclude each other.
absl::StatusOr<holkas::v1::RegistryAccess> RegistryAccessOf(
    const FlagSet& flags, absl::string_view prefix, holkas::v1::TlsVerification deprecated_tls);

// Makes the directory of shared blobs in `access` absolute, because the server has another working
// directory.
void ResolveSharedBlobs(const std::string& working_directory, holkas::v1::RegistryAccess& access);

// What the bool flag `name` says about TLS verification; UNSPECIFIED where it was not given.
holkas::v1::TlsVerification TlsVerificationOf(const FlagSet& flags, absl::string_view name);

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_REGISTRY_FLAGS_H_
