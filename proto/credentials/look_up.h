#ifndef HOLKAS_PROTO_CREDENTIALS_LOOK_UP_H_
#define HOLKAS_PROTO_CREDENTIALS_LOOK_UP_H_

#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/credentials/auth_file.h"
#include "proto/credentials/auth_file_search.h"
#include "proto/credentials/credential_key.h"
#include "proto/credentials/credentials.h"

namespace holkas {

// Looks credentials up in one source after the other. The first one that has some wins; helpers are
// asked in a second step, since they are programs and may take their time.
//
// As with Skopeo, a file that cannot be used, or whose helper fails, ends the search in the files
// right behind it, and a general helper that fails ends nothing: what comes after may still have
// credentials. Where nothing has, what failed is the error.

// A helper to ask, and where to go on should it know nothing.
struct HelperQuestion {
  HelperEntry helper;
  CredentialKey key;
  std::vector<CredentialSource> later = {};
  // Whether a file names the helper.
  bool of_file = true;
  // What failed before.
  std::vector<absl::Status> errors = {};
};

using FoundCredentials = std::variant<NoCredentials, UserPassword, IdentityToken, HelperQuestion>;

// What `entry`, which a file has for `key`, means; `later` is where to go on behind a helper.
FoundCredentials ToFound(AuthFile::Entry entry, const CredentialKey& key,
                         std::vector<CredentialSource> later);

// What the files of `sources` say of `key`, up to the first helper. Reads files, runs nothing.
// Errors: UNAUTHENTICATED (CREDENTIALS_UNAVAILABLE) for a file that is malformed or cannot be read.
absl::StatusOr<FoundCredentials> FindCredentials(const CredentialKey& key,
                                                 std::vector<CredentialSource> sources);

// What `found` stands for, with the helpers in `path` (as in PATH) asked where it is a question.
// Blocks, up to 10 seconds for each helper.
// Errors: UNAUTHENTICATED (CREDENTIALS_UNAVAILABLE) of a required helper and of files.
absl::StatusOr<Credentials> AskHelpers(FoundCredentials found, absl::string_view path);

}  // namespace holkas

#endif  // HOLKAS_PROTO_CREDENTIALS_LOOK_UP_H_
