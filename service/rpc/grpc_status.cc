#include "service/rpc/grpc_status.h"

#include <map>
#include <string>

#include "absl/strings/string_view.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "proto/wire/error.h"
#include "service/telemetry/utf8.h"

namespace holkas {
namespace {

// The message travels twice (percent-encoded in `grpc-message`, in base64 within the details), the
// details once: these bounds keep the trailers below 8 KiB for any text but the oddest.
constexpr size_t kMaxMessageBytes = 1536;
constexpr size_t kMaxMetadataBytes = 1024;

std::string Bounded(absl::string_view text, size_t limit) {
  return ToValidUtf8(text.substr(0, limit));
}

}  // namespace

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) {
    return grpc::Status::OK;
  }
  const std::string message = Bounded(status.message(), kMaxMessageBytes);
  google::rpc::Status details;
  details.set_code(static_cast<int>(status.code()));
  details.set_message(message);
  const std::string reason = ErrorReason(status);
  if (!reason.empty()) {
    google::rpc::ErrorInfo info;
    info.set_reason(Bounded(reason, 63));
    info.set_domain(std::string(kErrorDomain));
    size_t budget = kMaxMetadataBytes;
    for (const auto& [key, value] : ErrorMetadata(status)) {
      if (key.size() + value.size() > budget) {
        continue;
      }
      budget -= key.size() + value.size();
      (*info.mutable_metadata())[ToValidUtf8(key)] = ToValidUtf8(value);
    }
    details.add_details()->PackFrom(info);
  }
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), message,
                      details.SerializeAsString());
}

absl::Status FromGrpcStatus(const grpc::Status& status) {
  if (status.ok()) {
    return absl::OkStatus();
  }
  const auto code = static_cast<absl::StatusCode>(status.error_code());
  google::rpc::Status details;
  if (details.ParseFromString(status.error_details())) {
    for (const google::protobuf::Any& detail : details.details()) {
      google::rpc::ErrorInfo info;
      if (detail.Is<google::rpc::ErrorInfo>() && detail.UnpackTo(&info)) {
        return MakeError(code, info.reason(), status.error_message(),
                         {info.metadata().begin(), info.metadata().end()});
      }
    }
  }
  return absl::Status(code, status.error_message());
}

}  // namespace holkas
