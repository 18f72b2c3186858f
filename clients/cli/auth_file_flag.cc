#include "clients/cli/auth_file_flag.h"

#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/credentials/auth_file_search.h"
#include "proto/credentials/credential_key.h"
#include "proto/credentials/credentials.h"
#include "proto/credentials/look_up.h"
#include "proto/wire/error.h"
#include "proto/wire/image_reference.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

using holkas::v1::RegistryAccess;

absl::StatusOr<Credentials> LookUp(const std::string& file, const RegistryReference& image,
                                   const std::string& helper_path) {
  ASSIGN_OR_RETURN(CredentialKey key, CredentialKey::Parse(image.Repository()));
  ASSIGN_OR_RETURN(FoundCredentials found, FindCredentials(key, {AuthFileLocation{file}}));
  return AskHelpers(std::move(found), helper_path);
}

}  // namespace

absl::Status ResolveAuthFile(const FlagSet& flags, const CommandContext& context,
                             const std::string& image, RegistryAccess& access) {
  const std::string file = access.auth_file();
  access.clear_auth_file();
  absl::StatusOr<ImageReference> reference = ImageReference::Parse(image);
  if (file.empty() || !reference.ok() || reference->registry() == nullptr) {
    return absl::OkStatus();
  }
  if (ServerAddress(flags, context).empty()) {
    access.set_auth_file(
        absl::StartsWith(file, "/") ? file : absl::StrCat(context.working_directory, "/", file));
    return absl::OkStatus();
  }
  absl::StatusOr<Credentials> found = LookUp(file, *reference->registry(), context.helper_path);
  if (!found.ok()) {
    return WithContext(found.status(), "getting username and password");
  }
  if (std::holds_alternative<IdentityToken>(*found)) {
    return MakeError(
        absl::StatusCode::kUnauthenticated, "CREDENTIALS_UNAVAILABLE",
        absl::StrCat("the credentials for ", reference->registry()->Repository(), " in ", file,
                     " are an identity token, which cannot be sent to a server"));
  }
  if (auto* login = std::get_if<UserPassword>(&*found)) {
    access.mutable_basic()->set_username(std::move(login->user));
    access.mutable_basic()->set_password(std::move(login->password));
  } else {
    access.set_anonymous(true);
  }
  return absl::OkStatus();
}

}  // namespace holkas
