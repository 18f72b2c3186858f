#ifndef HOLKAS_SERVICE_RPC_CERTIFICATE_DIRECTORIES_H_
#define HOLKAS_SERVICE_RPC_CERTIFICATE_DIRECTORIES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "holkas/v1/image.pb.h"

namespace holkas {

// The server's certificates for registries (containers-certs.d(5)): a directory `host[:port]` with
// `*.crt` (certificate authorities), and one `*.cert` with the `*.key` of the same name (the
// client).

// The certificates for `host_port`, from the first of `directories` that has a directory for it;
// empty where none has. The files are read, not looked into: that is left to the worker.
// Errors: FAILED_PRECONDITION (INVALID_CERTIFICATES) where a `.key` or `.cert` lacks its other
// half, a file cannot be read, or all files together are larger than kMaxCertificateBytes.
absl::StatusOr<v1::TlsCertificates> FindCertificates(const std::vector<std::string>& directories,
                                                     const std::string& host_port);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_RPC_CERTIFICATE_DIRECTORIES_H_
