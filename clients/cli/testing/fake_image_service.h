#ifndef HOLKAS_CLIENTS_CLI_TESTING_FAKE_IMAGE_SERVICE_H_
#define HOLKAS_CLIENTS_CLI_TESTING_FAKE_IMAGE_SERVICE_H_

#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "holkas/v1/image_service.grpc.pb.h"

namespace holkas {

// An ImageService without registries or workers. What it does depends on the name of the image, or
// of the source:
//   docker://fake.example/app...     answers, or copies a layer and a configuration
//   docker://fake.example/empty...   lists no tag
//   docker://fake.example/list...    copies two images of an index of two
//   docker://fake.example/many...    lists 3000 tags in three parts
//   docker://fake.example/missing    NOT_FOUND, MANIFEST_UNKNOWN
//   docker://fake.example/locked     UNAUTHENTICATED, REGISTRY_UNAUTHORIZED
//   docker://fake.example/stall      waits until the caller hangs up or the deadline passes
//   docker://fake.example/die        ends the process with status 3 and a last word
//
// A registry accepts the password `right`, except
//   down.example    UNAVAILABLE, REGISTRY_UNAVAILABLE
class FakeImageService : public holkas::v1::ImageService::Service {
 public:
  grpc::Status Inspect(grpc::ServerContext* context, const holkas::v1::InspectRequest* request,
                       holkas::v1::InspectResponse* response) override;
  grpc::Status Copy(grpc::ServerContext* context, const holkas::v1::CopyRequest* request,
                    grpc::ServerWriter<holkas::v1::CopyResponse>* writer) override;

  // Takes all bytes, and copies what is called app or list in the destination.
  grpc::Status Import(grpc::ServerContext* context,
                      grpc::ServerReaderWriter<holkas::v1::ImportResponse,
                                               holkas::v1::ImportRequest>* stream) override;
  // The bytes `archive of `, and those of the source's name. Any path can be exported.
  grpc::Status Export(grpc::ServerContext* context, const holkas::v1::ExportRequest* request,
                      grpc::ServerWriter<holkas::v1::ExportResponse>* writer) override;
  grpc::Status Delete(grpc::ServerContext* context, const holkas::v1::DeleteRequest* request,
                      holkas::v1::DeleteResponse* response) override;
  grpc::Status ListTags(grpc::ServerContext* context, const holkas::v1::ListTagsRequest* request,
                        grpc::ServerWriter<holkas::v1::ListTagsResponse>* writer) override;
  grpc::Status CheckCredentials(grpc::ServerContext* context,
                                const holkas::v1::CheckCredentialsRequest* request,
                                holkas::v1::CheckCredentialsResponse* response) override;

  // The last request of each kind.
  holkas::v1::InspectRequest inspect_request() const;
  holkas::v1::CopyRequest copy_request() const;
  holkas::v1::DeleteRequest delete_request() const;
  holkas::v1::ListTagsRequest list_tags_request() const;
  holkas::v1::ImportOptions import_options() const;
  std::string imported() const;
  holkas::v1::ExportRequest export_request() const;
  // All of them, in order.
  std::vector<holkas::v1::CheckCredentialsRequest> check_requests() const;

 private:
  mutable absl::Mutex mutex_;
  holkas::v1::InspectRequest inspect_request_ ABSL_GUARDED_BY(mutex_);
  holkas::v1::CopyRequest copy_request_ ABSL_GUARDED_BY(mutex_);
  holkas::v1::ImportOptions import_options_ ABSL_GUARDED_BY(mutex_);
  std::string imported_ ABSL_GUARDED_BY(mutex_);
  holkas::v1::ExportRequest export_request_ ABSL_GUARDED_BY(mutex_);
  holkas::v1::DeleteRequest delete_request_ ABSL_GUARDED_BY(mutex_);
  holkas::v1::ListTagsRequest list_tags_request_ ABSL_GUARDED_BY(mutex_);
  std::vector<holkas::v1::CheckCredentialsRequest> check_requests_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_TESTING_FAKE_IMAGE_SERVICE_H_
