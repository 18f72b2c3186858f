#ifndef HOLKAS_CLIENTS_CLI_LOGIN_STORE_H_
#define HOLKAS_CLIENTS_CLI_LOGIN_STORE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "clients/cli/command.h"
#include "clients/cli/flag_set.h"
#include "proto/credentials/auth_file.h"
#include "proto/credentials/auth_file_search.h"
#include "proto/credentials/credential_key.h"
#include "proto/credentials/credentials.h"

namespace holkas {

// Where login and logout keep credentials: the helpers of `credential-helpers` of the user's
// registries.conf, one of which, and the only one by default, is a file that flags or the
// environment choose, with the helpers that it names in turn. What is looked up is found where
// Skopeo finds it. Docker knows no registries.conf: a file of its format is changed alone.
//
// Errors everywhere, with Skopeo's text around them: a file that cannot be read or written or is
// malformed, registries.conf too; a helper that fails.
class LoginStore {
 public:
  // The flags --authfile and --compat-auth-file.
  static std::vector<Flag> Flags();

  // The store of `flags` and environment, which warns on the context's console as Skopeo does. The
  // console is to outlive it. Errors: INVALID_ARGUMENT for two files.
  static absl::StatusOr<LoginStore> Open(const FlagSet& flags, CommandContext& context);

  // Whether the chosen file is there. Errors: NOT_FOUND.
  absl::Status CheckFile() const;

  // The credentials for `key`, of the first helper that has some. One that fails is an error where
  // none has.
  absl::StatusOr<Credentials> Get(const CredentialKey& key) const;

  // Keeps `login` for exactly `key` in the first helper that takes it; in the file's place, in the
  // helper that the file has for it, else in the file. Where, for people. Helpers and Docker's file
  // know no namespaces.
  absl::StatusOr<std::string> Set(const CredentialKey& key, const UserPassword& login) const;

  // Forgets exactly `key`, in all helpers, also where one fails. Whether there was something.
  absl::StatusOr<bool> Remove(const CredentialKey& key) const;

  // Forgets everything in all helpers, also where one fails. Helpers that are not installed are
  // passed over.
  absl::Status RemoveAll() const;

 private:
  using Helpers = std::vector<std::string>;

  LoginStore(AuthFileToWrite file, std::vector<AuthFileLocation> files,
             absl::StatusOr<Helpers> helpers, CommandContext& context)
      : console_(context.console),
        file_(std::move(file)),
        files_(std::move(files)),
        helpers_(std::move(helpers)),
        runtime_directory_(context.auth_environment.xdg_runtime_dir),
        helper_path_(context.helper_path) {}

  // The helpers whose credentials change.
  absl::StatusOr<Helpers> HelpersToChange() const;
  // Skopeo's refusal to make the directory of XDG_RUNTIME_DIR.
  absl::Status CheckRuntimeDirectory() const;
  absl::StatusOr<std::string> NameOf(const CredentialKey& key) const;
  // The helper that keeps the credentials for the name in the file; empty for none.
  std::string HelperFor(const AuthFile& file, const std::string& name) const;

  // One of the helpers each; `name` is what it calls the key.
  absl::StatusOr<Credentials> GetFrom(const std::string& helper, const CredentialKey& key) const;
  absl::StatusOr<std::string> SetInFile(const CredentialKey& key, const std::string& name,
                                        const UserPassword& login) const;
  absl::StatusOr<std::string> SetInHelper(const std::string& helper, const CredentialKey& key,
                                          const std::string& name, const UserPassword& login) const;
  absl::StatusOr<bool> RemoveFromFile(const CredentialKey& key, const std::string& name) const;
  absl::StatusOr<bool> RemoveFromHelper(const std::string& helper, const CredentialKey& key,
                                        const std::string& name) const;
  absl::Status RemoveAllFromFile() const;
  absl::Status RemoveAllFromHelper(const std::string& helper) const;
  // Whether the helper had something for `name`.
  absl::StatusOr<bool> Erase(const std::string& helper, const std::string& name) const;

  Console& console_;
  AuthFileToWrite file_;
  std::vector<AuthFileLocation> files_;
  // kAuthFileHelper is the file's place among them.
  absl::StatusOr<Helpers> helpers_;
  std::string runtime_directory_;
  std::string helper_path_;
};

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_LOGIN_STORE_H_
