#ifndef HOLKAS_SERVICE_RPC_PREPARE_STREAM_H_
#define HOLKAS_SERVICE_RPC_PREPARE_STREAM_H_

#include <string>

#include "absl/status/statusor.h"
#include "broker/broker.pb.h"
#include "holkas/v1/image_service.pb.h"
#include "proto/wire/image_reference.h"

namespace holkas {

// What a worker is told of an image in an archive: all but the archive's path.
broker::DockerArchiveImage DockerArchiveImageOf(const DockerArchiveReference& reference);
broker::OciArchiveImage OciArchiveImageOf(const OciArchiveReference& reference);

// An image in an archive that is streamed.
struct PreparedStream {
  ImageReference reference;
  broker::ImageLocation location;
};

// `image` is what would follow the path in a reference, empty for none; for an OCI layout `@N` is a
// position in it, too. `field` names where the caller said it.
// Errors: INVALID_ARGUMENT (INVALID_REFERENCE) with the metadata entry `field`.
absl::StatusOr<PreparedStream> PrepareImport(v1::ArchiveFormat format, const std::string& image,
                                             const std::string& field);
// The same for an archive that is made: without a format it is of OCI's.
absl::StatusOr<PreparedStream> PrepareExport(v1::ArchiveFormat format, const std::string& image,
                                             const std::string& field);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_RPC_PREPARE_STREAM_H_
