#ifndef HOLKAS_CLIENTS_CPP_CHANNEL_H_
#define HOLKAS_CLIENTS_CPP_CHANNEL_H_

#include <grpcpp/channel.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/wire/unique_fd.h"

namespace holkas {

// Channels to a server: over a unix socket, over TCP with TLS, on the loopback without it where the
// caller says so, or over a socket that is connected already. None of them uses a proxy.

// How to reach a server over TCP; of no use for others.
struct ServerAccess {
  // Without TLS: `localhost`, 127.0.0.0/8 and ::1 alone.
  bool insecure = false;
  // The authorities of the server's certificate, in PEM; empty: the system's.
  std::string ca_pem;
  // The certificate to show and its private key, in PEM; both or none.
  std::string certificate_pem;
  std::string key_pem;
  // The token to show with each request (ImageClient does); empty: none.
  std::string token;
};

// A channel to `unix:/path` or to `[tcp:]host:port`. Connecting happens with the first call.
// Errors: INVALID_ARGUMENT for addresses that are none, or where the host may not be reached
// without TLS, and for a certificate without its key or the other way round.
absl::StatusOr<std::shared_ptr<grpc::Channel>> OpenChannel(absl::string_view address,
                                                           const ServerAccess& access = {});

// A channel over `connection`, a connected stream socket. It cannot reconnect.
// Errors: those of fcntl(2).
absl::StatusOr<std::shared_ptr<grpc::Channel>> OpenChannel(UniqueFd connection);

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CPP_CHANNEL_H_
