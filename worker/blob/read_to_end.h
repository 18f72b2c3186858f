#ifndef HOLKAS_WORKER_BLOB_READ_TO_END_H_
#define HOLKAS_WORKER_BLOB_READ_TO_END_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "proto/wire/status_macros.h"
#include "worker/blob/byte_source.h"

namespace holkas {

// For tests: all that the source gives, which is asked for `step` bytes at a time.
inline absl::StatusOr<std::string> ReadToEnd(ByteSource& source, size_t step = 64 << 10) {
  std::string all;
  std::string buffer(step, '\0');
  while (true) {
    ASSIGN_OR_RETURN(const size_t count, source.Read(absl::MakeSpan(buffer)));
    if (count == 0) {
      return all;
    }
    all.append(buffer, 0, count);
  }
}

}  // namespace holkas

#endif  // HOLKAS_WORKER_BLOB_READ_TO_END_H_
