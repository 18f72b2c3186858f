#ifndef HOLKAS_WORKER_BLOB_READ_ALL_H_
#define HOLKAS_WORKER_BLOB_READ_ALL_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "proto/wire/digest.h"
#include "worker/blob/byte_source.h"

namespace holkas {

// The bytes of a small blob, such as a configuration, verified.
// Errors: those of VerifyingSource; RESOURCE_EXHAUSTED (LIMIT_EXCEEDED) where
// `size_bytes` is more than `max_bytes`.
absl::StatusOr<std::string> ReadAll(std::unique_ptr<ByteSource> source, const Digest& digest,
                                    int64_t size_bytes, int64_t max_bytes);

}  // namespace holkas

#endif  // HOLKAS_WORKER_BLOB_READ_ALL_H_
