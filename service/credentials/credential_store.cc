#include "service/credentials/credential_store.h"

#include <utility>

#include "proto/credentials/credential_key.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

std::vector<AuthFileLocation> FilesOf(const CredentialSettings& settings,
                                      const v1::RegistryAccess& access) {
  if (!access.auth_file().empty()) {
    return {{access.auth_file()}};
  }
  if (settings.auth_files.empty() && settings.environment.has_value()) {
    return AuthFilesToRead(*settings.environment);
  }
  std::vector<AuthFileLocation> files;
  for (const std::string& path : settings.auth_files) {
    files.push_back({path});
  }
  return files;
}

}  // namespace

absl::StatusOr<StoredCredentials> LookUpCredentials(const CredentialSettings& settings,
                                                    const std::vector<std::string>& helpers,
                                                    const v1::RegistryAccess& access,
                                                    const std::string& repository) {
  switch (access.credentials_case()) {
    case v1::RegistryAccess::kBasic:
      return UserPassword{access.basic().username(), access.basic().password()};
    case v1::RegistryAccess::kBearerToken:
      return BearerToken{access.bearer_token()};
    case v1::RegistryAccess::kIdentityToken:
      return IdentityToken{access.identity_token(), ""};
    case v1::RegistryAccess::kAnonymous:
      return NoCredentials();
    case v1::RegistryAccess::CREDENTIALS_NOT_SET:
      break;
  }
  ASSIGN_OR_RETURN(CredentialKey key, CredentialKey::Parse(repository));
  ASSIGN_OR_RETURN(FoundCredentials found,
                   FindCredentials(key, CredentialSources(FilesOf(settings, access), helpers)));
  return std::visit([](auto& value) { return StoredCredentials(std::move(value)); }, found);
}

absl::StatusOr<Credentials> ResolveHelper(const CredentialSettings& settings,
                                          HelperQuestion question) {
  return AskHelpers(std::move(question), settings.helper_path);
}

}  // namespace holkas
