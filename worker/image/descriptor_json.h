#ifndef HOLKAS_WORKER_IMAGE_DESCRIPTOR_JSON_H_
#define HOLKAS_WORKER_IMAGE_DESCRIPTOR_JSON_H_

#include <optional>

#include "absl/status/statusor.h"
#include "worker/image/descriptor.h"
#include "worker/image/json_value.h"

namespace holkas {

// Descriptors in JSON (OCI image-spec, descriptor.md; Docker's schema 2 has the same fields).

// Errors: INVALID_ARGUMENT; UNIMPLEMENTED for a digest of an algorithm that is not here.
absl::StatusOr<Descriptor> ParseDescriptor(const JsonValue& value);

// The `platform` of a descriptor in an index; nullopt where it has none.
absl::StatusOr<std::optional<ImagePlatform>> ParsePlatform(const JsonValue& descriptor);

// In the order of Go's image-spec types: mediaType, digest, size, urls, annotations.
JsonValue DescriptorToJson(const Descriptor& descriptor);

}  // namespace holkas

#endif  // HOLKAS_WORKER_IMAGE_DESCRIPTOR_JSON_H_
