#include "worker/storage/layer_sink.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

// What is decompressed at once is hashed and written while it is in the processor's cache.
constexpr size_t kOutputBytes = 256 << 10;

}  // namespace

LayerSink::LayerSink(std::shared_ptr<ExpansionBudget> budget, Tar tar, Done done)
    : budget_(std::move(budget)), tar_(std::move(tar)), done_(std::move(done)) {}

absl::Status LayerSink::Append(absl::string_view data) {
  if (!begun_) {
    const size_t count = std::min(data.size(), kMagicBytes - first_bytes_.size());
    first_bytes_.append(data.data(), count);
    data.remove_prefix(count);
    if (first_bytes_.size() < kMagicBytes) {
      return absl::OkStatus();
    }
    RETURN_IF_ERROR(Begin());
  }
  return Decode(data);
}

absl::Status LayerSink::Begin() {
  begun_ = true;
  compression_ = CompressionOf(first_bytes_);
  if (compression_ != Compression::kNone) {
    ASSIGN_OR_RETURN(decoder_, NewDecoder(compression_));
    meter_.emplace(compression_, ExpansionLimitsOf(compression_), budget_);
    output_.resize(kOutputBytes);
  }
  return Decode(std::exchange(first_bytes_, {}));
}

absl::Status LayerSink::Decode(absl::string_view input) {
  in_bytes_ += static_cast<int64_t>(input.size());
  if (decoder_ == nullptr) {
    return input.empty() ? absl::OkStatus() : tar_(input, in_bytes_);
  }
  while (!input.empty()) {
    const size_t before = input.size();
    ASSIGN_OR_RETURN(const size_t produced, DecodeSome(input));
    if (produced == 0 && input.size() == before) {
      return MalformedError(compression_, "no progress");
    }
  }
  return absl::OkStatus();
}

absl::Status LayerSink::Drain() {
  absl::string_view nothing;
  while (decoder_ != nullptr) {
    ASSIGN_OR_RETURN(const size_t produced, DecodeSome(nothing));
    if (produced == 0) {
      return decoder_->MayEnd() ? absl::OkStatus()
                                : MalformedError(compression_, "it ends in the middle");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<size_t> LayerSink::DecodeSome(absl::string_view& input) {
  ASSIGN_OR_RETURN(const Decoder::Progress progress,
                   decoder_->Decode(input, absl::MakeSpan(output_)));
  input.remove_prefix(progress.consumed);
  RETURN_IF_ERROR(meter_->Count(progress.consumed, progress.produced));
  if (progress.produced > 0) {
    RETURN_IF_ERROR(tar_(absl::string_view(output_.data(), progress.produced), in_bytes_));
  }
  return progress.produced;
}

absl::Status LayerSink::Finish(const Digest& digest, int64_t size_bytes) {
  if (!begun_) {
    RETURN_IF_ERROR(Begin());
  }
  RETURN_IF_ERROR(Drain());
  if (meter_.has_value()) {
    meter_->End();
  }
  return done_(digest, size_bytes, compression_);
}

}  // namespace holkas
