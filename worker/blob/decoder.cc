#include "worker/blob/decoder.h"

#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"

namespace holkas {

absl::StatusOr<std::unique_ptr<Decoder>> NewDecoder(Compression compression) {
  switch (compression) {
    case Compression::kGzip:
      return NewGzipDecoder();
    case Compression::kBzip2:
      return NewBzip2Decoder();
    case Compression::kXz:
      return NewXzDecoder();
    case Compression::kZstd:
      return NewZstdDecoder();
    case Compression::kNone:
      break;
  }
  return absl::InvalidArgumentError("there is nothing to decompress");
}

absl::Status MalformedError(Compression compression, absl::string_view why) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "INVALID_COMPRESSION",
                   absl::StrCat("decompress ", CompressionName(compression), ": ", why));
}

absl::Status DecoderLimitError(Compression compression, absl::string_view what) {
  return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                   absl::StrCat("decompress ", CompressionName(compression), ": ", what));
}

}  // namespace holkas
