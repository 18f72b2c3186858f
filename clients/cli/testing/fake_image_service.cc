#include "clients/cli/testing/fake_image_service.h"

#include <unistd.h>

#include <cstdio>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "google/protobuf/text_format.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace holkas {
namespace {

using holkas::v1::CheckCredentialsRequest;
using holkas::v1::CheckCredentialsResponse;
using holkas::v1::CopyRequest;
using holkas::v1::CopyResponse;
using holkas::v1::DeleteRequest;
using holkas::v1::DeleteResponse;
using holkas::v1::ExportRequest;
using holkas::v1::ExportResponse;
using holkas::v1::ImportOptions;
using holkas::v1::ImportRequest;
using holkas::v1::ImportResponse;
using holkas::v1::InspectRequest;
using holkas::v1::InspectResponse;
using holkas::v1::ListTagsRequest;
using holkas::v1::ListTagsResponse;

constexpr char kRepository[] = "docker://fake.example/";

grpc::Status Error(grpc::StatusCode code, const std::string& reason, const std::string& message) {
  google::rpc::ErrorInfo info;
  info.set_reason(reason);
  info.set_domain("holkas.dev");
  google::rpc::Status details;
  details.add_details()->PackFrom(info);
  return grpc::Status(code, message, details.SerializeAsString());
}

bool Is(const std::string& image, const std::string& name) {
  return absl::StartsWith(image, absl::StrCat(kRepository, name));
}

// Waits for the end of the call; a cancelled call needs no event of its own to end it here.
void WaitForEnd(grpc::ServerContext* context) {
  absl::Notification never;
  while (!context->IsCancelled()) {
    never.WaitForNotificationWithTimeout(absl::Milliseconds(5));
  }
}

// What becomes of a call for `image` that does not succeed.
grpc::Status Misbehave(grpc::ServerContext* context, const std::string& image) {
  if (Is(image, "missing")) {
    return Error(grpc::StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN",
                 "reading manifest latest in fake.example/missing: manifest unknown");
  }
  if (Is(image, "locked")) {
    return Error(grpc::StatusCode::UNAUTHENTICATED, "REGISTRY_UNAUTHORIZED",
                 "reading manifest latest in fake.example/locked: unauthorized");
  }
  if (Is(image, "stall")) {
    WaitForEnd(context);
    return grpc::Status(grpc::StatusCode::CANCELLED, "cancelled");
  }
  if (Is(image, "die")) {
    fprintf(stderr, "{\"message\":\"starting\"}\nholkasd: no sandbox on this kernel\n");
    _exit(3);
  }
  return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, absl::StrCat("no such fake: ", image));
}

CopyResponse Event(const std::string& text) {
  CopyResponse event;
  google::protobuf::TextFormat::ParseFromString(text, &event);
  return event;
}

std::string ImageStarted(int number, int total, int listed) {
  return absl::StrCat("image_started { digest: 'sha256:m", number, "' number: ", number,
                      " total: ", total, " listed: ", listed, " }");
}

std::vector<std::string> AppEvents() {
  return {
      ImageStarted(1, 1, 0),
      "blob_started { digest: 'sha256:a' size_bytes: 10 kind: BLOB_KIND_LAYER }",
      "blob_progress { digest: 'sha256:a' done_bytes: 5 size_bytes: 10 }",
      "blob_finished { digest: 'sha256:a' size_bytes: 10 kind: BLOB_KIND_LAYER"
      " outcome: BLOB_OUTCOME_COPIED }",
      "blob_finished { digest: 'sha256:c' size_bytes: 2 kind: BLOB_KIND_CONFIG"
      " outcome: BLOB_OUTCOME_ALREADY_PRESENT }",
      "manifest_started { digest: 'sha256:m1' }",
      "result { manifest_digest: 'sha256:m1' copied_bytes: 10 warnings: 'a word of warning' }",
  };
}

std::vector<std::string> ListEvents() {
  return {
      ImageStarted(1, 2, 2),
      ImageStarted(2, 2, 2),
      "manifest_started { digest: 'sha256:m1' }",
      "manifest_started { digest: 'sha256:m2' }",
      "manifest_started { digest: 'sha256:i' is_index: true }",
      "result { manifest_digest: 'sha256:i' }",
  };
}

}  // namespace

grpc::Status FakeImageService::Inspect(grpc::ServerContext* context, const InspectRequest* request,
                                       InspectResponse* response) {
  {
    absl::MutexLock lock(&mutex_);
    inspect_request_ = *request;
  }
  if (!Is(request->image(), "app")) {
    return Misbehave(context, request->image());
  }
  response->set_digest("sha256:m1");
  response->set_name("fake.example/app");
  response->set_manifest("{\"raw\": 1}");
  response->set_config("{\"raw\":\"config\"}");
  response->set_oci_config("{\"architecture\":\"<amd64>\",\"config\":{}}");
  return grpc::Status::OK;
}

grpc::Status FakeImageService::Copy(grpc::ServerContext* context, const CopyRequest* request,
                                    grpc::ServerWriter<CopyResponse>* writer) {
  {
    absl::MutexLock lock(&mutex_);
    copy_request_ = *request;
  }
  std::vector<std::string> events;
  if (Is(request->source(), "app")) {
    events = AppEvents();
  } else if (Is(request->source(), "list")) {
    events = ListEvents();
  } else if (Is(request->source(), "stall")) {
    writer->Write(Event(ImageStarted(1, 1, 0)));
  }
  for (const std::string& event : events) {
    writer->Write(Event(event));
  }
  return events.empty() ? Misbehave(context, request->source()) : grpc::Status::OK;
}

grpc::Status FakeImageService::Import(
    grpc::ServerContext* context, grpc::ServerReaderWriter<ImportResponse, ImportRequest>* stream) {
  ImportRequest request;
  stream->Read(&request);
  const ImportOptions options = request.options();
  std::string bytes;
  while (!Is(options.copy().destination(), "missing") && stream->Read(&request)) {
    bytes += request.chunk();
    ImportResponse response;
    response.set_received_bytes(static_cast<int64_t>(bytes.size()));
    stream->Write(response);
  }
  {
    absl::MutexLock lock(&mutex_);
    import_options_ = options;
    imported_ = bytes;
  }
  if (!Is(options.copy().destination(), "app") &&
      absl::StartsWith(options.copy().destination(), kRepository)) {
    return Misbehave(context, options.copy().destination());
  }
  for (const std::string& text : AppEvents()) {
    ImportResponse response;
    *response.mutable_copy() = Event(text);
    stream->Write(response);
  }
  return grpc::Status::OK;
}

grpc::Status FakeImageService::Export(grpc::ServerContext* context, const ExportRequest* request,
                                      grpc::ServerWriter<ExportResponse>* writer) {
  {
    absl::MutexLock lock(&mutex_);
    export_request_ = *request;
  }
  const std::string& source = request->copy().source();
  if (!Is(source, "app") && absl::StartsWith(source, kRepository)) {
    return Misbehave(context, source);
  }
  ExportResponse response;
  for (const std::string& text : AppEvents()) {
    *response.mutable_copy() = Event(text);
    writer->Write(response);
  }
  for (const std::string& chunk : {std::string("archive of "), source}) {
    response.set_chunk(chunk);
    writer->Write(response);
  }
  return grpc::Status::OK;
}

grpc::Status FakeImageService::Delete(grpc::ServerContext* context, const DeleteRequest* request,
                                      DeleteResponse* response) {
  {
    absl::MutexLock lock(&mutex_);
    delete_request_ = *request;
  }
  if (!Is(request->image(), "app")) {
    return Misbehave(context, request->image());
  }
  response->set_digest("sha256:m1");
  return grpc::Status::OK;
}

grpc::Status FakeImageService::ListTags(grpc::ServerContext* context,
                                        const ListTagsRequest* request,
                                        grpc::ServerWriter<ListTagsResponse>* writer) {
  {
    absl::MutexLock lock(&mutex_);
    list_tags_request_ = *request;
  }
  ListTagsResponse part;
  part.set_repository("fake.example/app");
  if (Is(request->repository(), "empty")) {
    writer->Write(part);
    return grpc::Status::OK;
  }
  if (Is(request->repository(), "many")) {
    for (int i = 0; i < 3000; ++i) {
      part.add_tags(absl::StrCat("t", i));
      if (part.tags_size() == 1000) {
        writer->Write(part);
        part.clear_tags();
      }
    }
    return grpc::Status::OK;
  }
  part.add_tags("b");
  part.add_tags("a<1>");
  writer->Write(part);
  return Is(request->repository(), "app") ? grpc::Status::OK
                                          : Misbehave(context, request->repository());
}

grpc::Status FakeImageService::CheckCredentials(grpc::ServerContext*,
                                                const CheckCredentialsRequest* request,
                                                CheckCredentialsResponse*) {
  {
    absl::MutexLock lock(&mutex_);
    check_requests_.push_back(*request);
  }
  if (absl::StartsWith(request->registry(), "down.example")) {
    return Error(grpc::StatusCode::UNAVAILABLE, "REGISTRY_UNAVAILABLE",
                 "pinging container registry down.example: connection refused");
  }
  return request->access().basic().password() == "right"
             ? grpc::Status::OK
             : Error(grpc::StatusCode::UNAUTHENTICATED, "REGISTRY_UNAUTHORIZED", "unauthorized");
}

InspectRequest FakeImageService::inspect_request() const {
  absl::MutexLock lock(&mutex_);
  return inspect_request_;
}

std::vector<CheckCredentialsRequest> FakeImageService::check_requests() const {
  absl::MutexLock lock(&mutex_);
  return check_requests_;
}

CopyRequest FakeImageService::copy_request() const {
  absl::MutexLock lock(&mutex_);
  return copy_request_;
}

ImportOptions FakeImageService::import_options() const {
  absl::MutexLock lock(&mutex_);
  return import_options_;
}

std::string FakeImageService::imported() const {
  absl::MutexLock lock(&mutex_);
  return imported_;
}

ExportRequest FakeImageService::export_request() const {
  absl::MutexLock lock(&mutex_);
  return export_request_;
}

DeleteRequest FakeImageService::delete_request() const {
  absl::MutexLock lock(&mutex_);
  return delete_request_;
}

ListTagsRequest FakeImageService::list_tags_request() const {
  absl::MutexLock lock(&mutex_);
  return list_tags_request_;
}

}  // namespace holkas
