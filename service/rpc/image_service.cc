#include "service/rpc/image_service.h"

#include <chrono>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
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

RequestContext ImageService::ContextOf(grpc::ServerContext& context) {
  RequestContext result;
  result.number = ++last_number_;
  // Who is not known gets the rights of a stranger.
  result.peer = connections_.Find(context.peer()).value_or(Peer());
  if (context.deadline() != std::chrono::system_clock::time_point::max()) {
    result.deadline = absl::FromChrono(context.deadline());
  }
  result.cancelled = [&context] { return context.IsCancelled(); };
  result.cancel = [&context] { context.TryCancel(); };
  return result;
}

grpc::Status ImageService::Inspect(grpc::ServerContext* context, const v1::InspectRequest* request,
                                   v1::InspectResponse* response) {
  absl::StatusOr<v1::InspectResponse> result =
      holkas::Inspect(server_, ContextOf(*context), *request);
  if (!result.ok()) {
    return ToGrpcStatus(result.status());
  }
  *response = *std::move(result);
  return grpc::Status::OK;
}

grpc::Status ImageService::Copy(grpc::ServerContext* context, const v1::CopyRequest* request,
                                grpc::ServerWriter<v1::CopyResponse>* writer) {
  return ToGrpcStatus(
      holkas::Copy(server_, ContextOf(*context), *request,
                   [writer](const v1::CopyResponse& event) { return writer->Write(event); }));
}

grpc::Status ImageService::Import(
    grpc::ServerContext* context,
    grpc::ServerReaderWriter<v1::ImportResponse, v1::ImportRequest>* stream) {
  return ToGrpcStatus(holkas::Import(
      server_, ContextOf(*context),
      {.read = [stream](v1::ImportRequest& request) { return stream->Read(&request); },
       .write = [stream](const v1::ImportResponse& event) { return stream->Write(event); }}));
}

grpc::Status ImageService::Export(grpc::ServerContext* context, const v1::ExportRequest* request,
                                  grpc::ServerWriter<v1::ExportResponse>* writer) {
  return ToGrpcStatus(
      holkas::Export(server_, ContextOf(*context), *request,
                     [writer](const v1::ExportResponse& event) { return writer->Write(event); }));
}

grpc::Status ImageService::Delete(grpc::ServerContext* context, const v1::DeleteRequest* request,
                                  v1::DeleteResponse* response) {
  absl::StatusOr<v1::DeleteResponse> result =
      holkas::Delete(server_, ContextOf(*context), *request);
  if (!result.ok()) {
    return ToGrpcStatus(result.status());
  }
  *response = *std::move(result);
  return grpc::Status::OK;
}

grpc::Status ImageService::ListTags(grpc::ServerContext* context,
                                    const v1::ListTagsRequest* request,
                                    grpc::ServerWriter<v1::ListTagsResponse>* writer) {
  return ToGrpcStatus(
      holkas::ListTags(server_, ContextOf(*context), *request,
                       [writer](const v1::ListTagsResponse& tags) { return writer->Write(tags); }));
}

grpc::Status ImageService::GetServerInfo(grpc::ServerContext*, const v1::GetServerInfoRequest*,
                                         v1::GetServerInfoResponse* response) {
  *response = holkas::GetServerInfo(server_);
  return grpc::Status::OK;
}

grpc::Status ImageService::CheckCredentials(grpc::ServerContext* context,
                                            const v1::CheckCredentialsRequest* request,
                                            v1::CheckCredentialsResponse*) {
  return ToGrpcStatus(holkas::CheckCredentials(server_, ContextOf(*context), *request).status());
}

grpc::Status ImageService::Sync(grpc::ServerContext*, const v1::SyncRequest*,
                                grpc::ServerWriter<v1::SyncResponse>*) {
  return ToGrpcStatus(UnimplementedRpc("Sync"));
}

grpc::Status ImageService::Sign(grpc::ServerContext*, const v1::SignRequest*, v1::SignResponse*) {
  return ToGrpcStatus(UnimplementedRpc("Sign"));
}

grpc::Status ImageService::Verify(grpc::ServerContext*, const v1::VerifyRequest*,
                                  v1::VerifyResponse*) {
  return ToGrpcStatus(UnimplementedRpc("Verify"));
}

}  // namespace holkas
