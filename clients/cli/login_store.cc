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

// Skopeo's form of several errors; OK for none.
absl::Status AllOf(const std::vector<absl::Status>& errors) {
  if (errors.empty()) {
    return absl::OkStatus();
  }
  std::string message = errors.size() == 1 ? "1 error occurred:\n"
                                           : absl::StrCat(errors.size(), " errors occurred:\n");
  for (const absl::Status& error : errors) {
    absl::StrAppend(&message, "\t* ", error.message(), "\n");
  }
  return MakeError(errors[0].code(), ErrorReason(errors[0]), absl::StrCat(message, "\n"),
                   ErrorMetadata(errors[0]));
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
  absl::StatusOr<Helpers> helpers = context.credential_helpers(flags.String("registries-conf"));
  if (helpers.ok() && helpers->empty()) {
    helpers->push_back(kAuthFileHelper);
  }
  return LoginStore(std::move(file), std::move(files), std::move(helpers), context);
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

absl::StatusOr<LoginStore::Helpers> LoginStore::HelpersToChange() const {
  if (file_.docker_compatible) {
    return Helpers{kAuthFileHelper};
  }
  return helpers_;
}

absl::StatusOr<Credentials> LoginStore::Get(const CredentialKey& key) const {
  constexpr char kDoing[] = "get credentials";
  if (!helpers_.ok()) {
    return WithContext(helpers_.status(), kDoing);
  }
  std::vector<absl::Status> errors;
  for (const std::string& helper : *helpers_) {
    absl::StatusOr<Credentials> found = GetFrom(helper, key);
    if (!found.ok()) {
      console_.Log(LogLevel::kDebug,
                   absl::StrCat("Error looking up credentials for ", key.ToString(),
                                " in credential helper ", helper, ": ", found.status().message()));
      errors.push_back(found.status());
    } else if (!std::holds_alternative<NoCredentials>(*found)) {
      return found;
    }
  }
  if (!errors.empty()) {
    return WithContext(AllOf(errors), kDoing);
  }
  return NoCredentials();
}

absl::StatusOr<Credentials> LoginStore::GetFrom(const std::string& helper,
                                                const CredentialKey& key) const {
  if (helper == kAuthFileHelper) {
    if (absl::Status missing = CheckRuntimeDirectory(); !missing.ok()) {
      console_.Log(LogLevel::kWarning,
                   absl::StrCat(missing.message(),
                                ": Trying to pull image in the event that it is a "
                                "public image."));
    }
  }
  ASSIGN_OR_RETURN(FoundCredentials found,
                   FindCredentials(key, CredentialSources(files_, {helper})));
  return AskHelpers(std::move(found), helper_path_);
}

absl::StatusOr<std::string> LoginStore::Set(const CredentialKey& key,
                                            const UserPassword& login) const {
  ASSIGN_OR_RETURN(const std::string name, NameOf(key));
  ASSIGN_OR_RETURN(const Helpers helpers, HelpersToChange());
  std::vector<absl::Status> errors;
  for (const std::string& helper : helpers) {
    absl::StatusOr<std::string> place = helper == kAuthFileHelper
                                            ? SetInFile(key, name, login)
                                            : SetInHelper(helper, key, name, login);
    if (place.ok()) {
      return place;
    }
    console_.Log(LogLevel::kDebug,
                 absl::StrCat("Error storing credentials for ", name, " in credential helper ",
                              helper, ": ", place.status().message()));
    errors.push_back(place.status());
  }
  return AllOf(errors);
}

absl::StatusOr<bool> LoginStore::Remove(const CredentialKey& key) const {
  const std::string doing = absl::StrCat("logging out of ", GoQuote(key.ToString()));
  const absl::StatusOr<std::string> name = NameOf(key);
  const absl::StatusOr<Helpers> helpers = HelpersToChange();
  if (!name.ok() || !helpers.ok()) {
    return WithContext(name.ok() ? helpers.status() : name.status(), doing);
  }
  bool any_removed = false;
  std::vector<absl::Status> errors;
  for (const std::string& helper : *helpers) {
    absl::StatusOr<bool> removed = helper == kAuthFileHelper ? RemoveFromFile(key, *name)
                                                             : RemoveFromHelper(helper, key, *name);
    if (!removed.ok()) {
      errors.push_back(removed.status());
    } else if (*removed) {
      any_removed = true;
    }
  }
  if (!errors.empty()) {
    return WithContext(AllOf(errors), doing);
  }
  return any_removed;
}

absl::Status LoginStore::RemoveAll() const {
  ASSIGN_OR_RETURN(const Helpers helpers, HelpersToChange());
  std::vector<absl::Status> errors;
  for (const std::string& helper : helpers) {
    absl::Status removed =
        helper == kAuthFileHelper ? RemoveAllFromFile() : RemoveAllFromHelper(helper);
    if (!removed.ok()) {
      errors.push_back(std::move(removed));
    }
  }
  return AllOf(errors);
}

absl::StatusOr<std::string> LoginStore::SetInFile(const CredentialKey& key, const std::string& name,
                                                  const UserPassword& login) const {
  RETURN_IF_ERROR(CheckRuntimeDirectory());
  ASSIGN_OR_RETURN(AuthFile file, AuthFile::Read(file_.path, AuthFileFormat::kAuths));
  std::string helper = HelperFor(file, name);
  if (helper.empty()) {
    RETURN_IF_ERROR(SetAuth(file_.path, name, login));
    return file_.path;
  }
  ASSIGN_OR_RETURN(std::string place, SetInHelper(helper, key, name, login));
  if (file.helpers().count(name) == 0) {
    RETURN_IF_ERROR(SetAuthInStore(file_.path, name));
  }
  return place;
}

absl::StatusOr<std::string> LoginStore::SetInHelper(const std::string& helper,
                                                    const CredentialKey& key,
                                                    const std::string& name,
                                                    const UserPassword& login) const {
  if (key.IsNamespaced()) {
    return NamespaceRefused(helper);
  }
  ASSIGN_OR_RETURN(CredentialHelper program, CredentialHelper::Find(helper, helper_path_));
  RETURN_IF_ERROR(program.Store(name, login));
  return absl::StrCat("credential helper: ", helper);
}

absl::StatusOr<bool> LoginStore::RemoveFromFile(const CredentialKey& key,
                                                const std::string& name) const {
  RETURN_IF_ERROR(CheckRuntimeDirectory());
  ASSIGN_OR_RETURN(AuthFile file, AuthFile::Read(file_.path, AuthFileFormat::kAuths));
  std::string helper = HelperFor(file, name);
  bool in_helper = false;
  if (!helper.empty()) {
    ASSIGN_OR_RETURN(in_helper, RemoveFromHelper(helper, key, name));
  }
  ASSIGN_OR_RETURN(bool in_file, RemoveAuth(file_.path, name));
  return in_helper || in_file;
}

absl::StatusOr<bool> LoginStore::RemoveFromHelper(const std::string& helper,
                                                  const CredentialKey& key,
                                                  const std::string& name) const {
  if (key.IsNamespaced()) {
    return false;
  }
  return Erase(helper, name);
}

absl::Status LoginStore::RemoveAllFromFile() const {
  RETURN_IF_ERROR(CheckRuntimeDirectory());
  ASSIGN_OR_RETURN(AuthFile file, AuthFile::Read(file_.path, AuthFileFormat::kAuths));
  std::map<std::string, std::string> helpers = file.helpers();
  for (const std::string& name : file.Keys()) {
    helpers.insert({name, HelperFor(file, name)});
  }
  for (const auto& [name, helper] : helpers) {
    if (!helper.empty()) {
      RETURN_IF_ERROR(Erase(helper, name).status());
    }
  }
  return RemoveAllAuths(file_.path, file_.docker_compatible);
}

absl::Status LoginStore::RemoveAllFromHelper(const std::string& helper) const {
  if (!CredentialHelper::IsInstalled(helper, helper_path_)) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(CredentialHelper program, CredentialHelper::Find(helper, helper_path_));
  ASSIGN_OR_RETURN(const std::vector<std::string> names, program.List());
  for (const std::string& name : names) {
    RETURN_IF_ERROR(Erase(helper, name).status());
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> LoginStore::Erase(const std::string& helper, const std::string& name) const {
  absl::StatusOr<CredentialHelper> program = CredentialHelper::Find(helper, helper_path_);
  absl::Status erased = program.ok() ? program->Erase(name) : program.status();
  if (!erased.ok() && !absl::IsNotFound(erased)) {
    return WithContext(erased, absl::StrCat("removing credentials for ", name,
                                            " from credential helper ", helper));
  }
  return erased.ok();
}

absl::StatusOr<std::string> LoginStore::NameOf(const CredentialKey& key) const {
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

std::string LoginStore::HelperFor(const AuthFile& file, const std::string& name) const {
  auto helper = file.helpers().find(name);
  if (helper != file.helpers().end()) {
    return helper->second;
  }
  // Docker looks there alone; the other tools that use auth.json do not look there at all.
  return file_.docker_compatible ? file.store() : "";
}

}  // namespace holkas
