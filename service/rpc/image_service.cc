#include "service/rpc/image_service.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security_constants.h>

#include <chrono>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/time/time.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "service/auth/tls_credentials.h"
#include "service/rpc/check_credentials.h"
#include "service/rpc/copy.h"
#include "service/rpc/delete.h"
#include "service/rpc/export.h"
#include "service/rpc/get_server_info.h"
#include "service/rpc/grpc_status.h"
#include "service/rpc/import.h"
#include "service/rpc/inspect.h"
#include "service/rpc/list_tags.h"
#include "service/rpc/unimplemented.h"

namespace holkas {
namespace {

// The rpc that every caller may call whom the server knows.
constexpr char kForEverybody[] = "GetServerInfo";

// As ServerContext::TryCancel, which tells the caller nothing. gRPC's C library puts a code and a
// message into the trailers of a call that the server cancels, past what waits for the caller to
// read it, but no details.
void BreakOff(grpc::ServerContext& context, const absl::Status& why) {
  const grpc::Status status = ToGrpcStatus(why);
  grpc_call_cancel_with_status(context.c_call(), static_cast<grpc_status_code>(why.code()),
                               status.error_message().c_str(), nullptr);
}

}  // namespace

absl::Status ImageService::Identify(const grpc::ServerContext& context,
                                    RequestContext& request) const {
  const std::shared_ptr<const grpc::AuthContext> auth = context.auth_context();
  const auto properties = [&auth](const char* name) {
    std::vector<std::string> values;
    if (auth != nullptr) {
      for (const grpc::string_ref& value : auth->FindPropertyValues(name)) {
        values.emplace_back(value.data(), value.size());
      }
    }
    return values;
  };
  const std::vector<std::string> security = properties(GRPC_TRANSPORT_SECURITY_TYPE_PROPERTY_NAME);
  const bool is_tls = !security.empty() && security.front() == GRPC_SSL_TRANSPORT_SECURITY_TYPE;
  std::optional<Peer> peer = connections_.Find(context.peer());
  if (is_tls && !peer.has_value()) {
    // The address is for the log alone.
    peer.emplace();
    peer->kind = Peer::Kind::kTls;
    peer->address = context.peer();
  }
  if (!peer.has_value() || is_tls != (peer->kind == Peer::Kind::kTls)) {
    return MakeError(absl::StatusCode::kUnauthenticated, "CALLER_UNAUTHENTICATED",
                     "identify the caller: its connection is not known any more");
  }
  request.peer = *std::move(peer);
  ShownCredentials shown;
  shown.certificate_name = CertificateName(properties);
  const auto [begin, end] = context.client_metadata().equal_range("authorization");
  for (auto entry = begin; entry != end; ++entry) {
    shown.authorization.emplace_back(entry->second.data(), entry->second.size());
  }
  ASSIGN_OR_RETURN(request.caller, authenticator_.Identify(request.peer, shown));
  connections_.SetSpoken(context.peer());
  const std::vector<std::string> connection = properties(kConnectionProperty);
  uint64_t number = 0;
  if (pending_ != nullptr && !connection.empty() && absl::SimpleAtoi(connection.front(), &number)) {
    pending_->Arrive(number);
  }
  return absl::OkStatus();
}

absl::Status ImageService::Admit(const grpc::ServerContext& context, const std::string& rpc,
                                 RequestContext& request) {
  RETURN_IF_ERROR(Identify(context, request));
  if (rpc == kForEverybody) {
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(AllowListOf(server_)->CheckOperation(request.caller, rpc));
  ASSIGN_OR_RETURN(CallerQuota::Place place, calls_.Enter(request.caller.name));
  request.place.emplace(std::move(place));
  return absl::OkStatus();
}

absl::StatusOr<RequestContext> ImageService::ContextOf(grpc::ServerContext& context,
                                                       const std::string& rpc) {
  RequestContext result;
  result.number = ++last_number_;
  const absl::Status status = Admit(context, rpc, result);
  if (!status.ok()) {
    LogRefusal(server_, result, rpc, status);
    return status;
  }
  if (context.deadline() != std::chrono::system_clock::time_point::max()) {
    result.deadline = absl::FromChrono(context.deadline());
  }
  result.cancelled = [&context] { return context.IsCancelled(); };
  result.cancel = [&context](const absl::Status& why) { BreakOff(context, why); };
  return result;
}

grpc::Status ImageService::Inspect(grpc::ServerContext* context, const v1::InspectRequest* request,
                                   v1::InspectResponse* response) {
  const absl::StatusOr<RequestContext> caller = ContextOf(*context, "Inspect");
  if (!caller.ok()) {
    return ToGrpcStatus(caller.status());
  }
  absl::StatusOr<v1::InspectResponse> result = holkas::Inspect(server_, *caller, *request);
  if (!result.ok()) {
    return ToGrpcStatus(result.status());
  }
  *response = *std::move(result);
  return grpc::Status::OK;
}

grpc::Status ImageService::Copy(grpc::ServerContext* context, const v1::CopyRequest* request,
                                grpc::ServerWriter<v1::CopyResponse>* writer) {
  const absl::StatusOr<RequestContext> caller = ContextOf(*context, "Copy");
  if (!caller.ok()) {
    return ToGrpcStatus(caller.status());
  }
  return ToGrpcStatus(
      holkas::Copy(server_, *caller, *request,
                   [writer](const v1::CopyResponse& event) { return writer->Write(event); }));
}

grpc::Status ImageService::Import(
    grpc::ServerContext* context,
    grpc::ServerReaderWriter<v1::ImportResponse, v1::ImportRequest>* stream) {
  const absl::StatusOr<RequestContext> caller = ContextOf(*context, "Import");
  if (!caller.ok()) {
    return ToGrpcStatus(caller.status());
  }
  return ToGrpcStatus(holkas::Import(
      server_, *caller,
      {.read = [stream](v1::ImportRequest& request) { return stream->Read(&request); },
       .write = [stream](const v1::ImportResponse& event) { return stream->Write(event); }}));
}

grpc::Status ImageService::Export(grpc::ServerContext* context, const v1::ExportRequest* request,
                                  grpc::ServerWriter<v1::ExportResponse>* writer) {
  const absl::StatusOr<RequestContext> caller = ContextOf(*context, "Export");
  if (!caller.ok()) {
    return ToGrpcStatus(caller.status());
  }
  return ToGrpcStatus(
      holkas::Export(server_, *caller, *request,
                     [writer](const v1::ExportResponse& event) { return writer->Write(event); }));
}

grpc::Status ImageService::Delete(grpc::ServerContext* context, const v1::DeleteRequest* request,
                                  v1::DeleteResponse* response) {
  const absl::StatusOr<RequestContext> caller = ContextOf(*context, "Delete");
  if (!caller.ok()) {
    return ToGrpcStatus(caller.status());
  }
  absl::StatusOr<v1::DeleteResponse> result = holkas::Delete(server_, *caller, *request);
  if (!result.ok()) {
    return ToGrpcStatus(result.status());
  }
  *response = *std::move(result);
  return grpc::Status::OK;
}

grpc::Status ImageService::ListTags(grpc::ServerContext* context,
                                    const v1::ListTagsRequest* request,
                                    grpc::ServerWriter<v1::ListTagsResponse>* writer) {
  const absl::StatusOr<RequestContext> caller = ContextOf(*context, "ListTags");
  if (!caller.ok()) {
    return ToGrpcStatus(caller.status());
  }
  return ToGrpcStatus(
      holkas::ListTags(server_, *caller, *request,
                       [writer](const v1::ListTagsResponse& tags) { return writer->Write(tags); }));
}

grpc::Status ImageService::GetServerInfo(grpc::ServerContext* context,
                                         const v1::GetServerInfoRequest*,
                                         v1::GetServerInfoResponse* response) {
  const absl::StatusOr<RequestContext> caller = ContextOf(*context, "GetServerInfo");
  if (!caller.ok()) {
    return ToGrpcStatus(caller.status());
  }
  *response = holkas::GetServerInfo(server_, caller->caller);
  return grpc::Status::OK;
}

grpc::Status ImageService::CheckCredentials(grpc::ServerContext* context,
                                            const v1::CheckCredentialsRequest* request,
                                            v1::CheckCredentialsResponse*) {
  const absl::StatusOr<RequestContext> caller = ContextOf(*context, "CheckCredentials");
  if (!caller.ok()) {
    return ToGrpcStatus(caller.status());
  }
  return ToGrpcStatus(holkas::CheckCredentials(server_, *caller, *request).status());
}

grpc::Status ImageService::Unimplemented(grpc::ServerContext& context, const std::string& rpc) {
  const absl::StatusOr<RequestContext> caller = ContextOf(context, rpc);
  return ToGrpcStatus(caller.ok() ? UnimplementedRpc(rpc) : caller.status());
}

grpc::Status ImageService::Sync(grpc::ServerContext* context, const v1::SyncRequest*,
                                grpc::ServerWriter<v1::SyncResponse>*) {
  return Unimplemented(*context, "Sync");
}

grpc::Status ImageService::Sign(grpc::ServerContext* context, const v1::SignRequest*,
                                v1::SignResponse*) {
  return Unimplemented(*context, "Sign");
}

grpc::Status ImageService::Verify(grpc::ServerContext* context, const v1::VerifyRequest*,
                                  v1::VerifyResponse*) {
  return Unimplemented(*context, "Verify");
}

}  // namespace holkas
