#ifndef HOLKAS_WORKER_BLOB_BYTE_SINK_H_
#define HOLKAS_WORKER_BLOB_BYTE_SINK_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/wire/digest.h"

namespace holkas {

// A blob on its way to a destination. Nothing of it is visible there before
// Finish; destroying a sink without Finish undoes what was written. Not
// thread-safe; several sinks may be written by several threads.
class ByteSink {
 public:
  virtual ~ByteSink() = default;

  // Writes all of `data`, blocking until it is taken over.
  virtual absl::Status Append(absl::string_view data) = 0;

  // Makes the blob visible under `digest`. Once, and nothing may follow.
  // Errors: DATA_LOSS where the destination found another digest or size.
  virtual absl::Status Finish(const Digest& digest, int64_t size_bytes) = 0;

  // The same for a blob whose digest the caller does not know: gives the SHA-256 that the
  // destination found. Only where FindsDigest.
  virtual absl::StatusOr<Digest> FinishUnknown(int64_t /*size_bytes*/) {
    return absl::FailedPreconditionError("the destination finds no digest");
  }
  virtual bool FindsDigest() const { return false; }

  // After an error of Append or Finish: makes ready for all of the blob once more, from its first
  // byte. What the destination kept of it is not sent a second time.
  // Errors: FAILED_PRECONDITION where that would not help; those of the destination.
  virtual absl::Status Rewind() {
    return absl::FailedPreconditionError("the destination cannot begin again");
  }

  // Whether Finish compares every byte with the digest on a side that is
  // trusted more than this process, so that comparing here as well would be for
  // nothing.
  virtual bool VerifiesContent() const { return false; }
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_BLOB_BYTE_SINK_H_
