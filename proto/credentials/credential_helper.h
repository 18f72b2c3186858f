#ifndef HOLKAS_PROTO_CREDENTIALS_CREDENTIAL_HELPER_H_
#define HOLKAS_PROTO_CREDENTIALS_CREDENTIAL_HELPER_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "proto/credentials/credentials.h"

namespace holkas {

// A program `docker-credential-NAME`, which keeps credentials in a key ring, a cloud or a hardware
// token. It is the user's own, found in PATH, and has this process's environment. What it says is
// never part of an error, since it may hold secrets. Thread-safe.
//
// Errors everywhere: UNAUTHENTICATED (CREDENTIALS_UNAVAILABLE) where the program fails, says
// something else than the protocol or more than 64 KiB, or does not end in time: then it is killed
// with its process group.
class CredentialHelper {
 public:
  // The helper `name`, in the absolute ones of the directories `path`, which are as in PATH.
  // Errors: also for a name that is not of [A-Za-z0-9_.-], and where there is no such program.
  static absl::StatusOr<CredentialHelper> Find(const std::string& name, absl::string_view path,
                                               absl::Duration time_limit = absl::Seconds(10));

  // Whether Find finds the helper `name`.
  static bool IsInstalled(const std::string& name, absl::string_view path);

  // The credentials for `server`, NoCredentials where it has none.
  absl::StatusOr<Credentials> Get(const std::string& server) const;

  // Keeps `login` for `server`.
  absl::Status Store(const std::string& server, const UserPassword& login) const;

  // Forgets `server`. Errors: NOT_FOUND where it has nothing for it.
  absl::Status Erase(const std::string& server) const;

  // The servers that it has credentials for.
  absl::StatusOr<std::vector<std::string>> List() const;

 private:
  struct Answer {
    bool succeeded = false;
    // Standard output.
    std::string text;
    // How it failed.
    std::string failure;
  };

  CredentialHelper(std::string program, absl::string_view name, absl::Duration time_limit)
      : program_(std::move(program)), name_(name), time_limit_(time_limit) {}

  // Runs the program with the argument `verb` and `input` at its standard input.
  absl::StatusOr<Answer> Run(const char* verb, absl::string_view input) const;
  absl::Status Failed(const char* verb, absl::string_view why) const;

  std::string program_;
  // `docker-credential-NAME`.
  std::string name_;
  absl::Duration time_limit_;
};

}  // namespace holkas

#endif  // HOLKAS_PROTO_CREDENTIALS_CREDENTIAL_HELPER_H_
