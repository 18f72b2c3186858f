#ifndef HOLKAS_CLIENTS_CPP_CHANNEL_H_
#define HOLKAS_CLIENTS_CPP_CHANNEL_H_

#include <grpcpp/channel.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/wire/unique_fd.h"

namespace holkas {

// Channels to a server of the same machine, without TLS: over a unix socket, over TCP on the
// loopback, or over a socket that is connected already. None of them uses a proxy.

// A channel to `unix:/path` or to `[tcp:]host:port`, where the host is `localhost`, 127.0.0.0/8 or
// ::1. Connecting happens with the first call. Errors: INVALID_ARGUMENT for other addresses.
absl::StatusOr<std::shared_ptr<grpc::Channel>> OpenChannel(absl::string_view address);

// A channel over `connection`, a connected stream socket. It cannot reconnect.
// Errors: those of fcntl(2).
absl::StatusOr<std::shared_ptr<grpc::Channel>> OpenChannel(UniqueFd connection);

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CPP_CHANNEL_H_
