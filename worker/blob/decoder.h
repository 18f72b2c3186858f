#ifndef HOLKAS_WORKER_BLOB_DECODER_H_
#define HOLKAS_WORKER_BLOB_DECODER_H_

#include <cstddef>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "worker/blob/compression.h"

namespace holkas {

// What one decoder may use of the worker's memory: the dictionaries of zstd (--long=25) and of xz
// -8 fit in. A stream that needs more is refused before any is taken.
inline constexpr int kMaxZstdWindowLog = 25;
inline constexpr size_t kMaxXzMemoryBytes = 48 << 20;

// One compression's state machine, which is fed and drained: no input, no output, no limits on how
// much comes out. For DecompressingSource alone. Several members (frames, streams) may follow one
// another; anything else behind a member is an error. Not thread-safe.
class Decoder {
 public:
  virtual ~Decoder() = default;

  struct Progress {
    size_t consumed = 0;
    size_t produced = 0;
  };

  // Decodes from `input` into `output`, until one of them is used up or less. What is held back
  // from earlier input comes also with an empty `input`. Errors: those of MalformedError;
  // RESOURCE_EXHAUSTED (LIMIT_EXCEEDED) where it takes more memory than a decoder may have.
  virtual absl::StatusOr<Progress> Decode(absl::string_view input, absl::Span<char> output) = 0;

  // Whether the input may end here: behind a member whose checksum was right.
  virtual bool MayEnd() const = 0;
};

// A decoder for a compression other than kNone.
// Errors: RESOURCE_EXHAUSTED where there is no memory.
absl::StatusOr<std::unique_ptr<Decoder>> NewDecoder(Compression compression);

absl::StatusOr<std::unique_ptr<Decoder>> NewGzipDecoder();
absl::StatusOr<std::unique_ptr<Decoder>> NewBzip2Decoder();
absl::StatusOr<std::unique_ptr<Decoder>> NewXzDecoder();
absl::StatusOr<std::unique_ptr<Decoder>> NewZstdDecoder();

// FAILED_PRECONDITION (INVALID_COMPRESSION): the bytes are not what their beginning says.
absl::Status MalformedError(Compression compression, absl::string_view why);
// RESOURCE_EXHAUSTED (LIMIT_EXCEEDED).
absl::Status DecoderLimitError(Compression compression, absl::string_view what);

}  // namespace holkas

#endif  // HOLKAS_WORKER_BLOB_DECODER_H_
