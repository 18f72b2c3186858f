#ifndef HOLKAS_WORKER_TRANSPORTS_FILES_FILE_SOURCE_H_
#define HOLKAS_WORKER_TRANSPORTS_FILES_FILE_SOURCE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "proto/wire/unique_fd.h"
#include "worker/blob/byte_source.h"
#include "worker/broker/broker.h"
#include "worker/image/descriptor.h"

namespace holkas {

// The bytes of a regular file that holkasd opened, from the first on. For the transports that keep
// images in files.
class FileSource : public ByteSource {
 public:
  explicit FileSource(UniqueFd fd) : fd_(std::move(fd)) {}

  absl::StatusOr<size_t> Read(absl::Span<char> buffer) override;

  // The size of the file now.
  absl::StatusOr<int64_t> SizeBytes();

 private:
  UniqueFd fd_;
};

// A blob of the place, with the size that its descriptor gives, or any where that is negative; its
// content is not verified.
// Errors: NOT_FOUND (BLOB_UNKNOWN); DATA_LOSS (CONTENT_MISMATCH) for a file of another size.
absl::StatusOr<std::unique_ptr<ByteSource>> OpenBlobFile(Broker& broker, broker::Place place,
                                                         const Descriptor& blob);

// All bytes of `source`, not verified. `what` is for messages.
// Errors: RESOURCE_EXHAUSTED (LIMIT_EXCEEDED) for more than `max_bytes`.
absl::StatusOr<std::string> ReadWholeFile(FileSource& source, int64_t max_bytes,
                                          absl::string_view what);

// The same for a file that the broker opens.
absl::StatusOr<std::string> ReadWholeFile(Broker& broker, broker::Place place,
                                          broker::FileKind kind,
                                          const std::optional<Digest>& digest, int64_t max_bytes,
                                          absl::string_view what);

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_FILES_FILE_SOURCE_H_
