#ifndef HOLKAS_SERVICE_RPC_IMAGE_SERVICE_H_
#define HOLKAS_SERVICE_RPC_IMAGE_SERVICE_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/sync_stream.h>

#include <atomic>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "holkas/v1/image_service.grpc.pb.h"
#include "service/auth/authenticator.h"
#include "service/auth/connection_table.h"
#include "service/auth/pending_requests.h"
#include "service/jobs/caller_quota.h"
#include "service/rpc/request_context.h"

namespace holkas {

// holkas.v1.ImageService as gRPC calls it: finds out who calls, gives the request its number, and
// passes it to the handler of the same name. One thread per request.
class ImageService final : public v1::ImageService::Service {
 public:
  // What is referred to must outlive the service. `max_calls_per_caller`: at once, but for
  // GetServerInfo. `pending`: of connections over TLS.
  ImageService(const ServerParts& server, ConnectionTable& connections,
               const Authenticator& authenticator, int max_calls_per_caller,
               PendingRequests* pending = nullptr)
      : server_(server),
        connections_(connections),
        authenticator_(authenticator),
        calls_(max_calls_per_caller),
        pending_(pending) {}

  grpc::Status Inspect(grpc::ServerContext* context, const v1::InspectRequest* request,
                       v1::InspectResponse* response) override;
  grpc::Status Copy(grpc::ServerContext* context, const v1::CopyRequest* request,
                    grpc::ServerWriter<v1::CopyResponse>* writer) override;
  grpc::Status Import(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<v1::ImportResponse, v1::ImportRequest>* stream) override;
  grpc::Status Export(grpc::ServerContext* context, const v1::ExportRequest* request,
                      grpc::ServerWriter<v1::ExportResponse>* writer) override;
  grpc::Status CheckCredentials(grpc::ServerContext* context,
                                const v1::CheckCredentialsRequest* request,
                                v1::CheckCredentialsResponse* response) override;
  grpc::Status Delete(grpc::ServerContext* context, const v1::DeleteRequest* request,
                      v1::DeleteResponse* response) override;
  grpc::Status ListTags(grpc::ServerContext* context, const v1::ListTagsRequest* request,
                        grpc::ServerWriter<v1::ListTagsResponse>* writer) override;
  grpc::Status GetServerInfo(grpc::ServerContext* context, const v1::GetServerInfoRequest* request,
                             v1::GetServerInfoResponse* response) override;

  // Not served by this version.
  grpc::Status Sync(grpc::ServerContext* context, const v1::SyncRequest* request,
                    grpc::ServerWriter<v1::SyncResponse>* writer) override;
  grpc::Status Sign(grpc::ServerContext* context, const v1::SignRequest* request,
                    v1::SignResponse* response) override;
  grpc::Status Verify(grpc::ServerContext* context, const v1::VerifyRequest* request,
                      v1::VerifyResponse* response) override;

 private:
  grpc::Status Unimplemented(grpc::ServerContext& context, const std::string& rpc);
  // What the handler of `rpc` works with; it is for callers alone who may call it.
  // Errors: UNAUTHENTICATED (CALLER_UNAUTHENTICATED); PERMISSION_DENIED (CALLER_DENIED);
  // RESOURCE_EXHAUSTED (LIMIT_EXCEEDED) where the caller has too many calls.
  absl::StatusOr<RequestContext> ContextOf(grpc::ServerContext& context, const std::string& rpc);
  // Fills in who calls, and the call's place. Errors: as of ContextOf.
  absl::Status Admit(const grpc::ServerContext& context, const std::string& rpc,
                     RequestContext& request);
  absl::Status Identify(const grpc::ServerContext& context, RequestContext& request) const;

  const ServerParts& server_;
  ConnectionTable& connections_;
  const Authenticator& authenticator_;
  CallerQuota calls_;
  PendingRequests* const pending_;
  std::atomic<uint64_t> last_number_ = 0;
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_RPC_IMAGE_SERVICE_H_
