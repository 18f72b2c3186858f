#ifndef HOLKAS_CLIENTS_CPP_IMAGE_CLIENT_H_
#define HOLKAS_CLIENTS_CPP_IMAGE_CLIENT_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "holkas/v1/image_service.grpc.pb.h"

namespace holkas {

// holkas.v1.ImageService as calls that return Status. One call at a time; Cancel may come from any
// thread.
//
// Errors everywhere: those of the rpc with reason and metadata (proto/wire/error.h). Without a
// reason, UNAVAILABLE means that the server was not reached, or lost.
class ImageClient {
 public:
  // `token`: shown with each call; empty: none.
  explicit ImageClient(std::shared_ptr<grpc::Channel> channel, std::string token = "");

  absl::StatusOr<holkas::v1::InspectResponse> Inspect(const holkas::v1::InspectRequest& request,
                                                      absl::Time deadline);

  // Copies, and gives every event to `on_event` as it comes, on the caller's thread.
  absl::Status Copy(const holkas::v1::CopyRequest& request, absl::Time deadline,
                    const std::function<void(const holkas::v1::CopyResponse&)>& on_event);

  // Gives the next bytes of an archive: how many were put into the buffer, 0 at the end. `over` is
  // stopped when no more of them are wanted.
  using ReadArchive =
      std::function<absl::StatusOr<size_t>(absl::Span<char> buffer, std::stop_token over)>;

  // Sends an archive, and copies the image in it. `read` is called on a thread of the call's own,
  // no faster than the server takes what it gives, and an error of it abandons the call and is its
  // result, unless the call is over by then. `on_event` is called on the caller's thread. Returns
  // when `read` has returned.
  absl::Status Import(const holkas::v1::ImportOptions& options, absl::Time deadline,
                      const ReadArchive& read,
                      const std::function<void(const holkas::v1::ImportResponse&)>& on_event);

  // Copies an image into an archive, whose bytes `write` gets after the last event, piece by piece.
  // Both are called on the caller's thread; an error of `write` abandons the call and is its
  // result. The archive is whole where the result is OK.
  absl::Status Export(const holkas::v1::ExportRequest& request, absl::Time deadline,
                      const std::function<void(const holkas::v1::CopyResponse&)>& on_event,
                      const std::function<absl::Status(absl::string_view bytes)>& write);

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

  // For waits between calls: CANCELLED after Cancel, DEADLINE_EXCEEDED after `deadline`. From any
  // thread.
  absl::Status CheckWanted(absl::Time deadline);

 private:
  class Call;

  const std::unique_ptr<holkas::v1::ImageService::Stub> stub_;
  const std::string token_;
  absl::Mutex mutex_;
  // The call in progress; null between calls.
  grpc::ClientContext* context_ ABSL_GUARDED_BY(mutex_) = nullptr;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CPP_IMAGE_CLIENT_H_
