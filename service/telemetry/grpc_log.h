#ifndef HOLKAS_SERVICE_TELEMETRY_GRPC_LOG_H_
#define HOLKAS_SERVICE_TELEMETRY_GRPC_LOG_H_

#include "service/telemetry/logger.h"

namespace holkas {

// Sends what the gRPC library logs to `logger`, which must live as long as the process. Called
// once, by main, before the library is used: the library has room for one function without context.
void SendGrpcLogTo(Logger& logger);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_TELEMETRY_GRPC_LOG_H_
