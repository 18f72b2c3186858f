#ifndef HOLKAS_CLIENTS_CLI_GPG_KEY_RING_H_
#define HOLKAS_CLIENTS_CLI_GPG_KEY_RING_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace holkas {

// The public keys in the user's own key ring, as their own `gpg2` or `gpg` tells of them.

// Fingerprints of the keys whose owner has this name or this address of electronic mail, and not
// one that is longer. `listing` is what GnuPG lists with --with-colons. Keys that have expired or
// are revoked are passed over.
std::vector<std::string> FindGpgKeys(absl::string_view listing, absl::string_view owner);

// Those keys, each as GnuPG exports it.
// Errors: NOT_FOUND, with Skopeo's text, where there is none; UNAVAILABLE where there is no GnuPG,
// or it fails.
absl::StatusOr<std::vector<std::string>> ExportGpgKeys(const std::string& owner);

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_GPG_KEY_RING_H_
