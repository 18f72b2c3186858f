#ifndef HOLKAS_SERVICE_BROKER_CONNECT_UNIX_H_
#define HOLKAS_SERVICE_BROKER_CONNECT_UNIX_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/wire/unique_fd.h"
#include "service/broker/cancellation.h"

namespace holkas {

// Connects to the unix socket at the absolute `path`, waiting while its queue is full. The socket
// is blocking and close-on-exec. Errors, in the words of Go's net package: UNAVAILABLE
// (DAEMON_UNAVAILABLE); PERMISSION_DENIED (DAEMON_DENIED) where the file may not be used;
// CANCELLED.
absl::StatusOr<UniqueFd> ConnectUnix(const std::string& path, absl::Time deadline,
                                     const Cancellation& cancellation);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_BROKER_CONNECT_UNIX_H_
