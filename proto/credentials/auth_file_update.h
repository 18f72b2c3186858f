#ifndef HOLKAS_PROTO_CREDENTIALS_AUTH_FILE_UPDATE_H_
#define HOLKAS_PROTO_CREDENTIALS_AUTH_FILE_UPDATE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/credentials/credentials.h"

namespace holkas {

// Changes of files of credentials: containers-auth.json(5) and Docker's config.json. What a change
// is not about stays in the file. The new file takes the place of the old one at once, with mode
// 0600: who reads meanwhile, and whoever is killed meanwhile, leaves or finds one of them whole.
// Changes at the same time wait for each other (an flock on the directory); one by another program
// that comes between is seen, and the change is made again. A symbolic link stays, and leads to the
// new file.
//
// Errors everywhere: UNAUTHENTICATED (CREDENTIALS_UNAVAILABLE) where the file that is there cannot
// be read or is malformed: it stays as it is; ABORTED where others change it all the time; those of
// the system calls, which name the file.

// Sets the entry `key` to `login`. Makes the file, and its directories with mode 0700.
absl::Status SetAuth(const std::string& path, const std::string& key, const UserPassword& login);

// Sets the entry `key` to Docker's mark of credentials that `credsStore` keeps.
absl::Status SetAuthInStore(const std::string& path, const std::string& key);

// Removes the entry `key`. Whether there was one.
absl::StatusOr<bool> RemoveAuth(const std::string& path, const std::string& key);

// Removes all entries, and `credHelpers` unless the file is Docker's. Writes the file in any case.
absl::Status RemoveAllAuths(const std::string& path, bool docker_compatible);

}  // namespace holkas

#endif  // HOLKAS_PROTO_CREDENTIALS_AUTH_FILE_UPDATE_H_
