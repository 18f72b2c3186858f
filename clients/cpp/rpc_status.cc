#include "clients/cpp/rpc_status.h"

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "proto/wire/error.h"

namespace holkas {

absl::Status FromRpcStatus(const grpc::Status& status) {
  if (status.ok()) {
    return absl::OkStatus();
  }
  absl::StatusCode code = static_cast<absl::StatusCode>(status.error_code());
  google::rpc::Status details;
  if (details.ParseFromString(status.error_details())) {
    for (const google::protobuf::Any& detail : details.details()) {
      google::rpc::ErrorInfo info;
      if (detail.UnpackTo(&info) && absl::string_view(info.domain()) == kErrorDomain) {
        return MakeError(code, info.reason(), status.error_message(),
                         {info.metadata().begin(), info.metadata().end()});
      }
    }
  }
  return absl::Status(code, status.error_message());
}

}  // namespace holkas
