#ifndef HOLKAS_SERVICE_CREDENTIALS_CREDENTIAL_STORE_H_
#define HOLKAS_SERVICE_CREDENTIALS_CREDENTIAL_STORE_H_

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "holkas/v1/image.pb.h"
#include "proto/credentials/auth_file_search.h"
#include "proto/credentials/credentials.h"
#include "proto/credentials/look_up.h"

namespace holkas {

// Which credentials a request has at a registry: its own, or what the server keeps. Whether the
// caller may name a file (RegistryAccess.auth_file) is decided before.

// What the server looks credentials up in.
struct CredentialSettings {
  // The files of its configuration (registries.auth_files).
  std::vector<std::string> auth_files;
  // Whose user's files it searches, as Skopeo does, where auth_files is empty: a private server's.
  std::optional<AuthEnvironment> environment;
  // Where the programs of helpers are, as in PATH.
  std::string helper_path;
};

// A token to present as it is.
struct BearerToken {
  std::string token;
  bool operator==(const BearerToken&) const = default;
};

using StoredCredentials =
    std::variant<NoCredentials, UserPassword, IdentityToken, BearerToken, HelperQuestion>;

// The credentials of a request with `access` at `repository`, `host[:port][/path]`. Reads files and
// runs no helper: where one is to be asked, the question is the result. `helpers` is
// `credential-helpers` of containers-registries.conf(5); empty: the files alone.
// Errors: UNAUTHENTICATED (CREDENTIALS_UNAVAILABLE) where a file is malformed or cannot be read;
// INVALID_ARGUMENT (INVALID_REFERENCE) for what is no repository.
absl::StatusOr<StoredCredentials> LookUpCredentials(const CredentialSettings& settings,
                                                    const std::vector<std::string>& helpers,
                                                    const v1::RegistryAccess& access,
                                                    const std::string& repository);

// The answer to a question of LookUpCredentials. Runs programs of the server's user, each for up to
// 10 seconds, and blocks as long; from any thread.
// Errors: UNAUTHENTICATED (CREDENTIALS_UNAVAILABLE), of helpers and of files.
absl::StatusOr<Credentials> ResolveHelper(const CredentialSettings& settings,
                                          HelperQuestion question);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_CREDENTIALS_CREDENTIAL_STORE_H_
