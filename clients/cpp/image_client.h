#ifndef HOLKAS_CLIENTS_CPP_IMAGE_CLIENT_H_
#define HOLKAS_CLIENTS_CPP_IMAGE_CLIENT_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <functional>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "holkas/v1/image_service.grpc.pb.h"

namespace holkas {

// holkas.v1.ImageService as calls that return Status. One call at a time; Cancel may come from any
// thread.
//
// Errors everywhere: those of the rpc with reason and metadata (proto/wire/error.h). Without a
// reason, UNAVAILABLE means that the server was not reached, or lost.
class ImageClient {
 public:
  explicit ImageClient(std::shared_ptr<grpc::Channel> channel);

  absl::StatusOr<holkas::v1::InspectResponse> Inspect(const holkas::v1::InspectRequest& request,
                                                      absl::Time deadline);

  // Copies, and gives every event to `on_event` as it comes, on the caller's thread.
  absl::Status Copy(const holkas::v1::CopyRequest& request, absl::Time deadline,
                    const std::function<void(const holkas::v1::CopyResponse&)>& on_event);

  absl::StatusOr<holkas::v1::DeleteResponse> Delete(const holkas::v1::DeleteRequest& request,
                                                    absl::Time deadline);

  // Gives some tags after others to `on_tags` as they come, on the caller's thread.
  absl::Status ListTags(const holkas::v1::ListTagsRequest& request, absl::Time deadline,
                        const std::function<void(const holkas::v1::ListTagsResponse&)>& on_tags);

  // Finds out whether a registry accepts credentials.
  absl::Status CheckCredentials(const holkas::v1::CheckCredentialsRequest& request,
                                absl::Time deadline);

  absl::Status Sync(const holkas::v1::SyncRequest& request, absl::Time deadline,
                    const std::function<void(const holkas::v1::SyncResponse&)>& on_event);

  absl::StatusOr<holkas::v1::SignResponse> Sign(const holkas::v1::SignRequest& request,
                                                absl::Time deadline);

  absl::StatusOr<holkas::v1::VerifyResponse> Verify(const holkas::v1::VerifyRequest& request,
                                                    absl::Time deadline);

  absl::StatusOr<holkas::v1::GetServerInfoResponse> GetServerInfo(absl::Time deadline);

  // Ends the call in progress, and every later one at once, with CANCELLED.
  void Cancel();

 private:
  class Call;

  const std::unique_ptr<holkas::v1::ImageService::Stub> stub_;
  absl::Mutex mutex_;
  // The call in progress; null between calls.
  grpc::ClientContext* context_ ABSL_GUARDED_BY(mutex_) = nullptr;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CPP_IMAGE_CLIENT_H_
