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

// Where login and logout keep credentials: a file that flags or the environment choose, and the
// credential helpers that it names. What is looked up is found where Skopeo finds it.
//
// Errors everywhere, with Skopeo's text around them: a file that cannot be read or written or is
// malformed, a helper that fails.
class LoginStore {
 public:
  // The flags --authfile and --compat-auth-file.
  static std::vector<Flag> Flags();

  // The store of `flags` and environment, which warns on the context's console as Skopeo does. The
  // console is to outlive it. Errors: INVALID_ARGUMENT for two files.
  static absl::StatusOr<LoginStore> Open(const FlagSet& flags, CommandContext& context);

  // Whether the chosen file is there. Errors: NOT_FOUND.
  absl::Status CheckFile() const;

  // The credentials for `key`. Helpers are asked.
  absl::StatusOr<Credentials> Get(const CredentialKey& key) const;

  // Keeps `login` for exactly `key`, in the helper that the file has for it, else in the file.
  // Where, for people. Docker's file knows no namespaces.
  absl::StatusOr<std::string> Set(const CredentialKey& key, const UserPassword& login) const;

  // Forgets exactly `key`. Whether there was something.
  absl::StatusOr<bool> Remove(const CredentialKey& key) const;

  // Forgets everything.
  absl::Status RemoveAll() const;

 private:
  LoginStore(AuthFileToWrite file, std::vector<AuthFileLocation> files, CommandContext& context)
      : console_(context.console),
        file_(std::move(file)),
        files_(std::move(files)),
        runtime_directory_(context.auth_environment.xdg_runtime_dir),
        helper_path_(context.helper_path) {}

  // Skopeo's refusal to make the directory of XDG_RUNTIME_DIR.
  absl::Status CheckRuntimeDirectory() const;
  absl::StatusOr<std::string> KeyInFile(const CredentialKey& key) const;
  // The helper that keeps the credentials for the key in the file; empty for none.
  std::string HelperFor(const AuthFile& file, const std::string& key) const;

  absl::StatusOr<std::string> SetUnexplained(const CredentialKey& key,
                                             const UserPassword& login) const;
  absl::StatusOr<bool> RemoveUnexplained(const CredentialKey& key) const;
  absl::Status RemoveAllUnexplained() const;
  // Whether the helper had something for `key`.
  absl::StatusOr<bool> Erase(const std::string& helper, const std::string& key) const;

  Console& console_;
  AuthFileToWrite file_;
  std::vector<AuthFileLocation> files_;
  std::string runtime_directory_;
  std::string helper_path_;
};

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_LOGIN_STORE_H_
