#include "worker/blob/expansion_budget.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "worker/blob/decoder.h"

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

void ExpansionBudget::SetSize(int64_t bytes) {
  absl::MutexLock lock(&mutex_);
  size_bytes_ = bytes;
}

bool ExpansionBudget::TakeFree(double part) {
  absl::MutexLock lock(&mutex_);
  free_part_ += part;
  return free_part_ <= 1;
}

bool ExpansionBudget::TakeOut(int64_t bytes) {
  absl::MutexLock lock(&mutex_);
  out_bytes_ += bytes;
  return !size_bytes_.has_value() || out_bytes_ <= kFreeBytes ||
         out_bytes_ / kRatio <= *size_bytes_;
}

ExpansionMeter::~ExpansionMeter() {
  if (!ended_ && free_part_ > 0) {
    budget_->TakeFree(-free_part_);
  }
}

absl::Status ExpansionMeter::Count(size_t in_bytes, size_t out_bytes) {
  in_bytes_ += static_cast<int64_t>(in_bytes);
  out_bytes_ += static_cast<int64_t>(out_bytes);
  if (out_bytes_ > kMaxDecompressedBytes) {
    return DecoderLimitError(compression_,
                             absl::StrCat("more than ", kMaxDecompressedBytes, " bytes come out"));
  }
  const bool is_beyond = out_bytes_ / limits_.ratio > in_bytes_;
  const double part =
      is_beyond ? static_cast<double>(out_bytes_) / static_cast<double>(limits_.free_bytes) : 0;
  if (part != free_part_ && !budget_->TakeFree(part - std::exchange(free_part_, part))) {
    return DecoderLimitError(
        compression_,
        absl::StrCat("of ", in_bytes_, " bytes come ", out_bytes_, ", more than ", limits_.ratio,
                     " for each, and more of all such blobs than ", limits_.free_bytes));
  }
  if (out_bytes > 0 && !budget_->TakeOut(static_cast<int64_t>(out_bytes))) {
    return DecoderLimitError(compression_,
                             absl::StrCat("more than ", ExpansionBudget::kFreeBytes,
                                          " bytes come of an archive, and more than ",
                                          ExpansionBudget::kRatio, " for each that it came as"));
  }
  return absl::OkStatus();
}

}  // namespace holkas
