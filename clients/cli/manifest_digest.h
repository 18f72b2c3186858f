#ifndef HOLKAS_CLIENTS_CLI_MANIFEST_DIGEST_H_
#define HOLKAS_CLIENTS_CLI_MANIFEST_DIGEST_H_

#include "clients/cli/command.h"

namespace holkas {

// `holkas manifest-digest FILE`: prints the digest of a manifest in a file. Needs no server.
Command ManifestDigestCommand();

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_MANIFEST_DIGEST_H_
