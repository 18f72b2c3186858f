#ifndef HOLKAS_SERVICE_AUTH_TLS_CREDENTIALS_H_
#define HOLKAS_SERVICE_AUTH_TLS_CREDENTIALS_H_

#include <grpcpp/security/server_credentials.h>

#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "service/auth/authenticator.h"
#include "service/auth/pending_requests.h"
#include "service/auth/tls_files.h"
#include "service/config/followed_files.h"

namespace holkas {

// gRPC's TLS with certificates that follow their files, which gRPC's own C++ credentials cannot do.
// TLS 1.2 and 1.3: gRPC takes nothing older, and has no setting that could.

// Which certificates clients show, and who may call what serves itself.
struct TlsOptions {
  enum class ClientCertificates { kNone, kOptional, kRequired };
  ClientCertificates client_certificates = ClientCertificates::kNone;
  // Asked for each request of another service than holkas.v1.ImageService (health, reflection),
  // which asks for itself: an error is the request's. On gRPC's threads; must not block. May be
  // null.
  std::function<absl::Status(const ShownCredentials& shown)> admit;
  // How many bytes of metadata a request may have. gRPC keeps this bound only with clients that
  // have acknowledged its settings.
  size_t max_metadata_bytes = 16 << 10;
  // Counts requests of holkas.v1.ImageService. Must outlive every connection; may be null.
  PendingRequests* pending = nullptr;
};

// The property of gRPC's auth context that has the connection's number of PendingRequests.
inline constexpr char kConnectionProperty[] = "holkas_connection";

// `files` and what is returned must outlive every connection. Errors of handshakes are the client's
// to see.
std::shared_ptr<grpc::ServerCredentials> MakeTlsCredentials(FollowedFiles<TlsFiles>& files,
                                                            TlsOptions options);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_AUTH_TLS_CREDENTIALS_H_
