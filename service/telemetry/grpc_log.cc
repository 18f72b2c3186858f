#include "service/telemetry/grpc_log.h"

#include <grpc/support/log.h>

#include <atomic>

namespace holkas {
namespace {

std::atomic<Logger*> grpc_logger = nullptr;

void LogFromGrpc(gpr_log_func_args* args) {
  Logger* logger = grpc_logger.load(std::memory_order_acquire);
  if (logger == nullptr) {
    return;
  }
  // What gRPC calls an error is mostly one connection's trouble.
  const LogLevel level =
      args->severity == GPR_LOG_SEVERITY_ERROR ? LogLevel::kWarning : LogLevel::kDebug;
  logger->Log(level, "grpc", {{"detail", args->message}});
}

}  // namespace

void SendGrpcLogTo(Logger& logger) {
  grpc_logger.store(&logger, std::memory_order_release);
  gpr_set_log_function(&LogFromGrpc);
}

}  // namespace holkas
