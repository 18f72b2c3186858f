#include "clients/cpp/image_client.h"

#include <string>
#include <thread>
#include <utility>

#include "absl/time/clock.h"
#include "clients/cpp/rpc_status.h"

namespace holkas {

using holkas::v1::CheckCredentialsRequest;
using holkas::v1::CheckCredentialsResponse;
using holkas::v1::CopyRequest;
using holkas::v1::CopyResponse;
using holkas::v1::DeleteRequest;
using holkas::v1::DeleteResponse;
using holkas::v1::ExportRequest;
using holkas::v1::ExportResponse;
using holkas::v1::GetServerInfoResponse;
using holkas::v1::ImageService;
using holkas::v1::ImportOptions;
using holkas::v1::ImportRequest;
using holkas::v1::ImportResponse;
using holkas::v1::InspectRequest;
using holkas::v1::InspectResponse;
using holkas::v1::ListTagsRequest;
using holkas::v1::ListTagsResponse;
using holkas::v1::SignRequest;
using holkas::v1::SignResponse;
using holkas::v1::SyncRequest;
using holkas::v1::SyncResponse;
using holkas::v1::VerifyRequest;
using holkas::v1::VerifyResponse;

namespace {

constexpr size_t kChunkBytes = 1 << 20;

using ImportStream = grpc::ClientReaderWriter<ImportRequest, ImportResponse>;

// What Import sends, as far as the server wants it. Errors: those of `read`, until `over`.
absl::Status SendArchive(ImportStream& stream, const ImportOptions& options,
                         const ImageClient::ReadArchive& read, const std::stop_token& over) {
  ImportRequest request;
  *request.mutable_options() = options;
  bool is_wanted = stream.Write(request);
  while (is_wanted && !over.stop_requested()) {
    std::string& chunk = *request.mutable_chunk();
    chunk.resize(kChunkBytes);
    const absl::StatusOr<size_t> count = read(absl::MakeSpan(chunk.data(), chunk.size()), over);
    if (over.stop_requested()) {
      break;
    }
    if (!count.ok()) {
      return count.status();
    }
    chunk.resize(*count);
    if (*count == 0) {
      break;
    }
    is_wanted = stream.Write(request);
  }
  stream.WritesDone();
  return absl::OkStatus();
}

}  // namespace

// The context of one call, known to the client as long as the call lasts.
class ImageClient::Call {
 public:
  Call(ImageClient& client, absl::Time deadline) : client_(client) {
    if (deadline != absl::InfiniteFuture()) {
      context_.set_deadline(absl::ToChronoTime(deadline));
    }
    if (!client_.token_.empty()) {
      context_.AddMetadata("authorization", "Bearer " + client_.token_);
    }
    absl::MutexLock lock(&client_.mutex_);
    client_.context_ = &context_;
    if (client_.cancelled_) {
      context_.TryCancel();
    }
  }
  ~Call() {
    absl::MutexLock lock(&client_.mutex_);
    client_.context_ = nullptr;
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  grpc::ClientContext* context() { return &context_; }

 private:
  ImageClient& client_;
  grpc::ClientContext context_;
};

ImageClient::ImageClient(std::shared_ptr<grpc::Channel> channel, std::string token)
    : stub_(ImageService::NewStub(std::move(channel))), token_(std::move(token)) {}

absl::StatusOr<InspectResponse> ImageClient::Inspect(const InspectRequest& request,
                                                     absl::Time deadline) {
  Call call(*this, deadline);
  InspectResponse response;
  absl::Status status = FromRpcStatus(stub_->Inspect(call.context(), request, &response));
  if (!status.ok()) {
    return status;
  }
  return response;
}

absl::Status ImageClient::Copy(const CopyRequest& request, absl::Time deadline,
                               const std::function<void(const CopyResponse&)>& on_event) {
  Call call(*this, deadline);
  auto reader = stub_->Copy(call.context(), request);
  CopyResponse event;
  while (reader->Read(&event)) {
    on_event(event);
  }
  return FromRpcStatus(reader->Finish());
}

absl::Status ImageClient::Import(const ImportOptions& options, absl::Time deadline,
                                 const ReadArchive& read,
                                 const std::function<void(const ImportResponse&)>& on_event) {
  Call call(*this, deadline);
  auto stream = stub_->Import(call.context());
  absl::Status sent;
  std::jthread sender([&](std::stop_token over) {
    sent = SendArchive(*stream, options, read, over);
    if (!sent.ok()) {
      call.context()->TryCancel();
    }
  });
  ImportResponse event;
  while (stream->Read(&event)) {
    if (event.has_attached()) {
      sender.request_stop();
    }
    on_event(event);
  }
  sender.request_stop();
  sender.join();
  absl::Status status = FromRpcStatus(stream->Finish());
  // Where the server ended the call first, it does not matter that there was no more of the
  // archive.
  return sent.ok() || !absl::IsCancelled(status) ? status : sent;
}

absl::Status ImageClient::Export(const ExportRequest& request, absl::Time deadline,
                                 const std::function<void(const CopyResponse&)>& on_event,
                                 const std::function<absl::Status(absl::string_view)>& write) {
  Call call(*this, deadline);
  auto reader = stub_->Export(call.context(), request);
  ExportResponse event;
  absl::Status written;
  while (written.ok() && reader->Read(&event)) {
    if (event.has_copy()) {
      on_event(event.copy());
    } else {
      written = write(event.chunk());
    }
  }
  if (!written.ok()) {
    call.context()->TryCancel();
  }
  absl::Status status = FromRpcStatus(reader->Finish());
  return written.ok() ? status : written;
}

absl::StatusOr<DeleteResponse> ImageClient::Delete(const DeleteRequest& request,
                                                   absl::Time deadline) {
  Call call(*this, deadline);
  DeleteResponse response;
  absl::Status status = FromRpcStatus(stub_->Delete(call.context(), request, &response));
  if (!status.ok()) {
    return status;
  }
  return response;
}

absl::Status ImageClient::ListTags(const ListTagsRequest& request, absl::Time deadline,
                                   const std::function<void(const ListTagsResponse&)>& on_tags) {
  Call call(*this, deadline);
  auto reader = stub_->ListTags(call.context(), request);
  ListTagsResponse tags;
  while (reader->Read(&tags)) {
    on_tags(tags);
  }
  return FromRpcStatus(reader->Finish());
}

absl::Status ImageClient::CheckCredentials(const CheckCredentialsRequest& request,
                                           absl::Time deadline) {
  Call call(*this, deadline);
  CheckCredentialsResponse response;
  return FromRpcStatus(stub_->CheckCredentials(call.context(), request, &response));
}

absl::Status ImageClient::Sync(const SyncRequest& request, absl::Time deadline,
                               const std::function<void(const SyncResponse&)>& on_event) {
  Call call(*this, deadline);
  auto reader = stub_->Sync(call.context(), request);
  SyncResponse event;
  while (reader->Read(&event)) {
    on_event(event);
  }
  return FromRpcStatus(reader->Finish());
}

absl::StatusOr<SignResponse> ImageClient::Sign(const SignRequest& request, absl::Time deadline) {
  Call call(*this, deadline);
  SignResponse response;
  absl::Status status = FromRpcStatus(stub_->Sign(call.context(), request, &response));
  if (!status.ok()) {
    return status;
  }
  return response;
}

absl::StatusOr<VerifyResponse> ImageClient::Verify(const VerifyRequest& request,
                                                   absl::Time deadline) {
  Call call(*this, deadline);
  VerifyResponse response;
  absl::Status status = FromRpcStatus(stub_->Verify(call.context(), request, &response));
  if (!status.ok()) {
    return status;
  }
  return response;
}

absl::StatusOr<GetServerInfoResponse> ImageClient::GetServerInfo(absl::Time deadline) {
  Call call(*this, deadline);
  GetServerInfoResponse response;
  absl::Status status = FromRpcStatus(stub_->GetServerInfo(call.context(), {}, &response));
  if (!status.ok()) {
    return status;
  }
  return response;
}

void ImageClient::Cancel() {
  absl::MutexLock lock(&mutex_);
  cancelled_ = true;
  if (context_ != nullptr) {
    context_->TryCancel();
  }
}

absl::Status ImageClient::CheckWanted(absl::Time deadline) {
  absl::MutexLock lock(&mutex_);
  if (cancelled_) {
    return absl::CancelledError("the call was cancelled");
  }
  return absl::Now() < deadline ? absl::OkStatus()
                                : absl::DeadlineExceededError("the deadline passed");
}

}  // namespace holkas
