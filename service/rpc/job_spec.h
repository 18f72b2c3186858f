#ifndef HOLKAS_SERVICE_RPC_JOB_SPEC_H_
#define HOLKAS_SERVICE_RPC_JOB_SPEC_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "broker/broker.pb.h"
#include "holkas/v1/image_service.pb.h"
#include "proto/wire/daemon_host.h"
#include "proto/wire/image_reference.h"
#include "service/credentials/job_identity.h"
#include "service/rpc/prepare_registry.h"

namespace holkas {

// What a request asks for, in the terms of the broker protocol: references are parsed, defaults
// filled in. Local paths stay out of the JobSpec, which the worker reads.
struct PreparedJob {
  broker::JobSpec spec;
  // The credentials, which the worker does not get.
  JobIdentity identity;
  ImageReference source;
  std::optional<ImageReference> destination;
  // The daemons of images that are in one.
  std::optional<DaemonHost> source_daemon;
  std::optional<DaemonHost> destination_daemon;
};

// `request` has passed ValidateRequest.
// Errors: INVALID_ARGUMENT (INVALID_REFERENCE) with the metadata entry `field`; UNIMPLEMENTED
// (TRANSPORT_UNIMPLEMENTED); INVALID_ARGUMENT (INVALID_FIELD) for a daemon's host that is none;
// those of PrepareRegistry and FindStore.
absl::StatusOr<PreparedJob> PrepareJob(const v1::InspectRequest& request,
                                       const RegistrySettings& settings);
absl::StatusOr<PreparedJob> PrepareJob(const v1::CopyRequest& request,
                                       const RegistrySettings& settings);
// Also: INVALID_ARGUMENT (INVALID_REFERENCE) for an image that no such archive can hold.
absl::StatusOr<PreparedJob> PrepareJob(const v1::ImportOptions& request,
                                       const RegistrySettings& settings);
absl::StatusOr<PreparedJob> PrepareJob(const v1::ExportRequest& request,
                                       const RegistrySettings& settings);
absl::StatusOr<PreparedJob> PrepareJob(const v1::CheckCredentialsRequest& request,
                                       const RegistrySettings& settings);
// Also: INVALID_ARGUMENT (INVALID_FIELD) for only_tag with a digest.
absl::StatusOr<PreparedJob> PrepareJob(const v1::DeleteRequest& request,
                                       const RegistrySettings& settings);
absl::StatusOr<PreparedJob> PrepareJob(const v1::ListTagsRequest& request,
                                       const RegistrySettings& settings);

// Whether the job's worker verifies the certificate of a registry or a daemon.
bool VerifiesCertificates(const broker::JobSpec& spec);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_RPC_JOB_SPEC_H_
