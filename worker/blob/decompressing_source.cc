#include "worker/blob/decompressing_source.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/wire/status_macros.h"
#include "worker/blob/copy_bytes.h"

namespace holkas {

ExpansionLimits ExpansionLimitsOf(Compression compression) {
  switch (compression) {
    case Compression::kBzip2:
      // 46 bytes can take 10 ms and give 720 KB.
      return {.free_bytes = 64 << 20, .ratio = 100};
    case Compression::kXz:
      return {.free_bytes = 512 << 20, .ratio = 500};
    default:
      return {.free_bytes = 512 << 20, .ratio = 1100};
  }
}

absl::StatusOr<std::unique_ptr<ByteSource>> DecompressingSource::New(
    std::unique_ptr<ByteSource> source, Compression compression) {
  return New(std::move(source), compression, ExpansionLimitsOf(compression));
}

absl::StatusOr<std::unique_ptr<ByteSource>> DecompressingSource::New(
    std::unique_ptr<ByteSource> source, Compression compression, const ExpansionLimits& limits) {
  ASSIGN_OR_RETURN(std::unique_ptr<Decoder> decoder, NewDecoder(compression));
  return std::unique_ptr<ByteSource>(
      new DecompressingSource(std::move(source), compression, limits, std::move(decoder)));
}

DecompressingSource::DecompressingSource(std::unique_ptr<ByteSource> source,
                                         Compression compression, const ExpansionLimits& limits,
                                         std::unique_ptr<Decoder> decoder)
    : buffer_(std::make_unique_for_overwrite<char[]>(kCopyBufferBytes)),
      source_(std::move(source)),
      compression_(compression),
      limits_(limits),
      decoder_(std::move(decoder)) {}

absl::StatusOr<size_t> DecompressingSource::Read(absl::Span<char> buffer) {
  if (buffer.empty()) {
    return 0;
  }
  // Each turn uses up input or ends.
  while (true) {
    ASSIGN_OR_RETURN(const Decoder::Progress progress, decoder_->Decode(input_, buffer));
    input_.remove_prefix(progress.consumed);
    RETURN_IF_ERROR(Count(progress));
    if (progress.produced > 0) {
      return progress.produced;
    }
    if (progress.consumed > 0) {
      continue;
    }
    if (!input_.empty()) {
      return MalformedError(compression_, "invalid data");
    }
    if (source_ended_) {
      return decoder_->MayEnd() ? absl::StatusOr<size_t>(0)
                                : MalformedError(compression_, "the data ends too early");
    }
    RETURN_IF_ERROR(Fill());
  }
}

absl::Status DecompressingSource::Fill() {
  const absl::Span<char> room(buffer_.get(), kCopyBufferBytes);
  ASSIGN_OR_RETURN(const size_t count, source_->Read(room));
  input_ = absl::string_view(buffer_.get(), count);
  source_ended_ = count == 0;
  return absl::OkStatus();
}

absl::Status DecompressingSource::Count(const Decoder::Progress& progress) {
  in_bytes_ += static_cast<int64_t>(progress.consumed);
  out_bytes_ += static_cast<int64_t>(progress.produced);
  if (out_bytes_ > kMaxDecompressedBytes) {
    return DecoderLimitError(compression_,
                             absl::StrCat("more than ", kMaxDecompressedBytes, " bytes come out"));
  }
  if (out_bytes_ > limits_.free_bytes && out_bytes_ / limits_.ratio > in_bytes_) {
    return DecoderLimitError(
        compression_, absl::StrCat("of ", in_bytes_, " bytes come more than ", limits_.free_bytes,
                                   ", and more than ", limits_.ratio, " for each"));
  }
  return absl::OkStatus();
}

}  // namespace holkas
