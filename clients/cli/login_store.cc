#include "clients/cli/login_store.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/cli/go_text.h"
#include "proto/credentials/auth_file_update.h"
#include "proto/credentials/credential_helper.h"
#include "proto/credentials/look_up.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

// Skopeo's form of several errors, of which there is one.
absl::Status OneError(const absl::Status& status) {
  if (status.ok()) {
    return status;
  }
  return MakeError(status.code(), ErrorReason(status),
                   absl::StrCat("1 error occurred:\n\t* ", status.message(), "\n\n"),
                   ErrorMetadata(status));
}

// The error of stat(2), as Go tells it; OK where `path` is there.
absl::Status Stat(const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) == 0) {
    return absl::OkStatus();
  }
  return absl::Status(absl::ErrnoToStatusCode(errno),
                      absl::StrCat("stat ", path, ": ", GoErrno(errno)));
}

absl::Status NamespaceRefused(const std::string& helper) {
  return absl::InvalidArgumentError(
      absl::StrCat("namespaced key is not supported for credential helper ", helper));
}

}  // namespace

std::vector<Flag> LoginStore::Flags() {
  return {
      {"authfile", '\0', FlagType::kString, "PATH",
       "keep credentials in PATH (default $REGISTRY_AUTH_FILE, else the session's auth.json)"},
      {"compat-auth-file", '\0', FlagType::kString, "PATH",
       "keep credentials in PATH, a configuration file of Docker's (default that in "
       "$DOCKER_CONFIG, "
       "where set)"},
  };
}

absl::StatusOr<LoginStore> LoginStore::Open(const FlagSet& flags, CommandContext& context) {
  const AuthEnvironment& environment = context.auth_environment;
  std::string auth_file = flags.String("authfile");
  std::string compat_file = flags.String("compat-auth-file");
  if (!auth_file.empty() && !compat_file.empty()) {
    return absl::InvalidArgumentError(
        "options for paths to the credential file and to the Docker-compatible credential file can "
        "not be set simultaneously");
  }
  AuthFileToWrite file = AuthFileToWriteFor(environment);
  if (!auth_file.empty()) {
    file = {auth_file, /*docker_compatible=*/false, /*chosen=*/true};
  } else if (!compat_file.empty()) {
    file = {compat_file, /*docker_compatible=*/true, /*chosen=*/true};
  }
  if (file.path == DockerAuthFile(environment) && !file.docker_compatible) {
    context.console.Log(
        LogLevel::kWarning,
        auth_file.empty()
            ? "$REGISTRY_AUTH_FILE points to ~/.docker/config.json, but the file format is not "
              "fully "
              "compatible; use the Docker-compatible file path option instead"
            : "saving credentials to ~/.docker/config.json, but not using Docker-compatible file "
              "format");
  }
  std::vector<AuthFileLocation> files = {{file.path}};
  if (!file.chosen) {
    files = AuthFilesToRead(environment);
  }
  return LoginStore(std::move(file), std::move(files), context);
}

absl::Status LoginStore::CheckFile() const {
  return file_.chosen ? WithContext(Stat(file_.path), "checking authfile") : absl::OkStatus();
}

absl::Status LoginStore::CheckRuntimeDirectory() const {
  if (file_.chosen || runtime_directory_.empty()) {
    return absl::OkStatus();
  }
  absl::Status found = Stat(runtime_directory_);
  if (!absl::IsNotFound(found)) {
    return absl::OkStatus();
  }
  return WithContext(found, absl::StrCat(GoQuote(runtime_directory_),
                                         " directory set by $XDG_RUNTIME_DIR does not exist. "
                                         "Either create the directory or unset "
                                         "$XDG_RUNTIME_DIR."));
}

absl::StatusOr<Credentials> LoginStore::Get(const CredentialKey& key) const {
  if (absl::Status missing = CheckRuntimeDirectory(); !missing.ok()) {
    console_.Log(LogLevel::kWarning,
                 absl::StrCat(missing.message(),
                              ": Trying to pull image in the event that it is a "
                              "public image."));
  }
  absl::StatusOr<FoundCredentials> found = FindCredentials(key, {files_.begin(), files_.end()});
  absl::StatusOr<Credentials> credentials =
      found.ok() ? AskHelpers(*std::move(found), helper_path_) : found.status();
  if (!credentials.ok()) {
    return WithContext(OneError(credentials.status()), "get credentials");
  }
  return credentials;
}

absl::StatusOr<std::string> LoginStore::Set(const CredentialKey& key,
                                            const UserPassword& login) const {
  absl::StatusOr<std::string> place = SetUnexplained(key, login);
  return place.ok() ? place : OneError(place.status());
}

absl::StatusOr<bool> LoginStore::Remove(const CredentialKey& key) const {
  absl::StatusOr<bool> removed = RemoveUnexplained(key);
  if (!removed.ok()) {
    return WithContext(OneError(removed.status()),
                       absl::StrCat("logging out of ", GoQuote(key.ToString())));
  }
  return removed;
}

absl::Status LoginStore::RemoveAll() const { return OneError(RemoveAllUnexplained()); }

absl::StatusOr<std::string> LoginStore::SetUnexplained(const CredentialKey& key,
                                                       const UserPassword& login) const {
  RETURN_IF_ERROR(CheckRuntimeDirectory());
  ASSIGN_OR_RETURN(std::string name, KeyInFile(key));
  ASSIGN_OR_RETURN(AuthFile file, AuthFile::Read(file_.path, AuthFileFormat::kAuths));
  std::string helper_name = HelperFor(file, name);
  if (helper_name.empty()) {
    RETURN_IF_ERROR(SetAuth(file_.path, name, login));
    return file_.path;
  }
  if (key.IsNamespaced()) {
    return NamespaceRefused(helper_name);
  }
  ASSIGN_OR_RETURN(CredentialHelper helper, CredentialHelper::Find(helper_name, helper_path_));
  RETURN_IF_ERROR(helper.Store(name, login));
  if (file.helpers().count(name) == 0) {
    RETURN_IF_ERROR(SetAuthInStore(file_.path, name));
  }
  return absl::StrCat("credential helper: ", helper_name);
}

absl::StatusOr<bool> LoginStore::RemoveUnexplained(const CredentialKey& key) const {
  RETURN_IF_ERROR(CheckRuntimeDirectory());
  ASSIGN_OR_RETURN(std::string name, KeyInFile(key));
  ASSIGN_OR_RETURN(AuthFile file, AuthFile::Read(file_.path, AuthFileFormat::kAuths));
  std::string helper = HelperFor(file, name);
  bool in_helper = false;
  if (!helper.empty() && !key.IsNamespaced()) {
    ASSIGN_OR_RETURN(in_helper, Erase(helper, name));
  }
  ASSIGN_OR_RETURN(bool in_file, RemoveAuth(file_.path, name));
  return in_helper || in_file;
}

absl::Status LoginStore::RemoveAllUnexplained() const {
  RETURN_IF_ERROR(CheckRuntimeDirectory());
  ASSIGN_OR_RETURN(AuthFile file, AuthFile::Read(file_.path, AuthFileFormat::kAuths));
  std::map<std::string, std::string> helpers = file.helpers();
  for (const std::string& key : file.Keys()) {
    helpers.insert({key, HelperFor(file, key)});
  }
  for (const auto& [key, helper] : helpers) {
    if (!helper.empty()) {
      RETURN_IF_ERROR(Erase(helper, key).status());
    }
  }
  return RemoveAllAuths(file_.path, file_.docker_compatible);
}

absl::StatusOr<bool> LoginStore::Erase(const std::string& helper, const std::string& key) const {
  absl::StatusOr<CredentialHelper> program = CredentialHelper::Find(helper, helper_path_);
  absl::Status erased = program.ok() ? program->Erase(key) : program.status();
  if (!erased.ok() && !absl::IsNotFound(erased)) {
    return WithContext(
        erased, absl::StrCat("removing credentials for ", key, " from credential helper ", helper));
  }
  return erased.ok();
}

absl::StatusOr<std::string> LoginStore::KeyInFile(const CredentialKey& key) const {
  const std::string& name = key.ToString();
  if (!file_.docker_compatible) {
    return name;
  }
  if (key.IsNamespaced()) {
    return absl::InvalidArgumentError(
        absl::StrCat("Credentials cannot be recorded in Docker-compatible format with namespaced "
                     "key ",
                     GoQuote(name)));
  }
  return name == "docker.io" ? std::string(kDockerHubServer) : name;
}

std::string LoginStore::HelperFor(const AuthFile& file, const std::string& key) const {
  auto helper = file.helpers().find(key);
  if (helper != file.helpers().end()) {
    return helper->second;
  }
  // Docker looks there alone; the other tools that use auth.json do not look there at all.
  return file_.docker_compatible ? file.store() : "";
}

}  // namespace holkas
