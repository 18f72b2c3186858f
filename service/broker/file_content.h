#ifndef HOLKAS_SERVICE_BROKER_FILE_CONTENT_H_
#define HOLKAS_SERVICE_BROKER_FILE_CONTENT_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/wire/digest.h"
#include "proto/wire/sha256_pairing.h"
#include "service/broker/cancellation.h"

namespace holkas {

// How holkasd comes to know what is in a file that a worker wrote: it makes sure that nobody can
// write to it any more, then reads all of it. The bytes are hashed, never understood.

// Whether somebody has the file open for writing, or mapped so. `read_fd` is open for reading
// alone, and no name leads to the file: then nobody can open it for writing later either.
// Result: true where a writer is left. Errors: UNIMPLEMENTED where the file system cannot tell.
absl::StatusOr<bool> HasWriter(int read_fd);

// Reads the file and compares. Files that are checked at the same time with the same `pairing` are
// read by one another's threads, two at once for little more than the time of one.
// `more_to_come`: another file is likely to be checked soon, and for a moment worth waiting for.
// Errors: DATA_LOSS (CONTENT_MISMATCH) where digest or size differ; CANCELLED; what reading gives.
absl::Status CheckContent(int read_fd, const Digest& digest, int64_t size_bytes,
                          const Cancellation& cancellation, Sha256Pairing& pairing,
                          bool more_to_come = false);

// The SHA-256 of the file, read in the same way.
// Errors: DATA_LOSS where it has another size; CANCELLED; what reading gives.
absl::StatusOr<Digest> HashContent(int read_fd, int64_t size_bytes,
                                   const Cancellation& cancellation, Sha256Pairing& pairing,
                                   bool more_to_come = false);

// Copies the first `size_bytes` bytes of `from` to the empty file `to`.
// Errors: DATA_LOSS where there are fewer; CANCELLED; RESOURCE_EXHAUSTED (DISK_FULL).
absl::Status CopyContent(int from, int to, int64_t size_bytes, const Cancellation& cancellation);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_BROKER_FILE_CONTENT_H_
