#ifndef HOLKAS_CLIENTS_CLI_CERTIFICATES_H_
#define HOLKAS_CLIENTS_CLI_CERTIFICATES_H_

#include <string>

#include "absl/status/statusor.h"
#include "holkas/v1/image.pb.h"

namespace holkas {

// Reads a directory as Skopeo's --cert-dir: `*.crt` are certificate authorities, `*.cert` with the
// `*.key` of the same name is the client's certificate. Other files are ignored, and so is a
// directory that is not there. The files are sent to the server, which cannot see them.
// Errors: INVALID_ARGUMENT for a certificate without its key, a key without its certificate, more
// than one client certificate or more bytes than a request may hold; those of reading files.
absl::StatusOr<holkas::v1::TlsCertificates> ReadCertificates(const std::string& directory);

// Reads a directory as Skopeo's --cert-dir for a Docker daemon: `ca.pem`, and `cert.pem` with
// `key.pem`, all of which must be there. Errors: INVALID_ARGUMENT for more bytes than a request may
// hold; those of reading files, in the words of Docker's clients.
absl::StatusOr<holkas::v1::TlsCertificates> ReadDaemonCertificates(const std::string& directory);

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_CERTIFICATES_H_
