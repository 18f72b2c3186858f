#ifndef HOLKAS_CLIENTS_CLI_CERTIFICATE_FLAG_H_
#define HOLKAS_CLIENTS_CLI_CERTIFICATE_FLAG_H_

#include <string>

#include "absl/status/status.h"
#include "clients/cli/flag_set.h"
#include "holkas/v1/image.pb.h"

namespace holkas {

// Reads the directory that the flag `flag` (`cert-dir`, `src-cert-dir`...) names, where `image` is
// one that certificates serve for: in a registry, or in a Docker daemon that `access` says TLS is
// spoken with. Errors: those of ReadCertificates and ReadDaemonCertificates; INVALID_ARGUMENT for a
// daemon's host that is none.
absl::Status AddCertificates(const FlagSet& flags, const std::string& flag,
                             const std::string& image, holkas::v1::RegistryAccess& access);

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_CERTIFICATE_FLAG_H_
