#include "clients/cli/auth_file_flag.h"

#include <sys/stat.h>

#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/credentials/auth_file.h"
#include "proto/credentials/credential_key.h"
#include "proto/credentials/credentials.h"
#include "proto/credentials/look_up.h"
#include "proto/wire/error.h"
#include "proto/wire/image_reference.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/wipe.h"

namespace holkas {
namespace {

using holkas::v1::RegistryAccess;

bool IsPipe(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0 && S_ISFIFO(info.st_mode);
}

absl::StatusOr<Credentials> LookUp(const std::string& path, const RegistryReference& image,
                                   const std::string& helper_path) {
  ASSIGN_OR_RETURN(CredentialKey key, CredentialKey::Parse(image.Repository()));
  ASSIGN_OR_RETURN(std::optional<std::string> bytes,
                   ReadAuthFileBytes(path, FileKinds::kRegularAndPipes));
  if (!bytes.has_value()) {
    return NoCredentials();
  }
  WipedAtEnd wiped(*bytes);
  ASSIGN_OR_RETURN(AuthFile file, AuthFile::Parse(*bytes, path, AuthFileFormat::kAuths));
  ASSIGN_OR_RETURN(AuthFile::Entry entry, file.Find(key));
  return AskHelpers(ToFound(std::move(entry), key, {}), helper_path);
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
  const std::string path =
      absl::StartsWith(file, "/") ? file : absl::StrCat(context.working_directory, "/", file);
  if (ServerAddress(flags, context).empty() && !IsPipe(path)) {
    access.set_auth_file(path);
    return absl::OkStatus();
  }
  absl::StatusOr<Credentials> found = LookUp(path, *reference->registry(), context.helper_path);
  if (!found.ok()) {
    return WithContext(found.status(), "getting username and password");
  }
  if (auto* identity = std::get_if<IdentityToken>(&*found)) {
    access.set_identity_token(std::move(identity->token));
  } else if (auto* login = std::get_if<UserPassword>(&*found)) {
    access.mutable_basic()->set_username(std::move(login->user));
    access.mutable_basic()->set_password(std::move(login->password));
  } else {
    access.set_anonymous(true);
  }
  return absl::OkStatus();
}

}  // namespace holkas
