#include "worker/blob/decompressing_source.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/wire/status_macros.h"
#include "worker/blob/copy_bytes.h"

namespace holkas {

absl::StatusOr<std::unique_ptr<ByteSource>> DecompressingSource::New(
    std::unique_ptr<ByteSource> source, Compression compression,
    std::shared_ptr<ExpansionBudget> budget) {
  ASSIGN_OR_RETURN(std::unique_ptr<Decoder> decoder, NewDecoder(compression));
  return std::unique_ptr<ByteSource>(
      new DecompressingSource(std::move(source), compression, ExpansionLimitsOf(compression),
                              std::move(budget), std::move(decoder)));
}

absl::StatusOr<std::unique_ptr<ByteSource>> DecompressingSource::New(
    std::unique_ptr<ByteSource> source, Compression compression, const ExpansionLimits& limits) {
  ASSIGN_OR_RETURN(std::unique_ptr<Decoder> decoder, NewDecoder(compression));
  return std::unique_ptr<ByteSource>(new DecompressingSource(std::move(source), compression, limits,
                                                             std::make_shared<ExpansionBudget>(),
                                                             std::move(decoder)));
}

DecompressingSource::DecompressingSource(std::unique_ptr<ByteSource> source,
                                         Compression compression, const ExpansionLimits& limits,
                                         std::shared_ptr<ExpansionBudget> budget,
                                         std::unique_ptr<Decoder> decoder)
    : buffer_(std::make_unique_for_overwrite<char[]>(kCopyBufferBytes)),
      source_(std::move(source)),
      compression_(compression),
      meter_(compression, limits, std::move(budget)),
      decoder_(std::move(decoder)) {}

absl::StatusOr<size_t> DecompressingSource::Read(absl::Span<char> buffer) {
  if (buffer.empty()) {
    return 0;
  }
  // Each turn uses up input or ends.
  while (true) {
    ASSIGN_OR_RETURN(const Decoder::Progress progress, decoder_->Decode(input_, buffer));
    input_.remove_prefix(progress.consumed);
    RETURN_IF_ERROR(meter_.Count(progress.consumed, progress.produced));
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
      if (!decoder_->MayEnd()) {
        return MalformedError(compression_, "the data ends too early");
      }
      meter_.End();
      return 0;
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

}  // namespace holkas
