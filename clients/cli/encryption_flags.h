#ifndef HOLKAS_CLIENTS_CLI_ENCRYPTION_FLAGS_H_
#define HOLKAS_CLIENTS_CLI_ENCRYPTION_FLAGS_H_

#include <vector>

#include "absl/status/status.h"
#include "clients/cli/flag_set.h"
#include "holkas/v1/image_service.pb.h"

namespace holkas {

// The flags about encrypted layers: --encryption-key, --encrypt-layer, --decryption-key.
std::vector<Flag> EncryptionFlags();

// Puts what they say into `request`, and the keys and passwords that they name: the server may be
// on another machine.
// Errors: with Skopeo's text; UNIMPLEMENTED for a scheme that this version does not have.
absl::Status SetEncryption(const FlagSet& flags, holkas::v1::CopyRequest& request);

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_ENCRYPTION_FLAGS_H_
