#ifndef HOLKAS_SERVICE_RPC_PREPARE_DAEMON_H_
#define HOLKAS_SERVICE_RPC_PREPARE_DAEMON_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "holkas/v1/image.pb.h"
#include "proto/wire/image_reference.h"
#include "service/rpc/prepare_registry.h"

namespace holkas {

// The image of a Docker daemon, which is where `access` says. The path of a unix socket stays out
// of what the worker reads. Errors: INVALID_ARGUMENT (INVALID_FIELD) for a daemon's host that is
// none.
absl::StatusOr<PreparedPlace> PrepareDaemon(const DockerDaemonReference& reference,
                                            const v1::RegistryAccess& access);

// Whether an image can be written there, as far as daemons go: to a name with a tag alone.
// `field` is for messages. Errors: INVALID_ARGUMENT (INVALID_REFERENCE).
absl::Status CheckDaemonDestination(const std::string& field, const ImageReference& destination);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_RPC_PREPARE_DAEMON_H_
