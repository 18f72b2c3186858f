#include "worker/storage/layer_budget.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"

namespace holkas {
namespace {

absl::Status LimitExceeded(absl::string_view message) {
  return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                   absl::StrCat("unpack a layer: ", message));
}

// More than any store has: sums of a few such sizes, and products with the ratios, do not overflow.
constexpr int64_t kMaxBytes = int64_t{1} << 50;

// One of the things that share a limit.
struct Share {
  int64_t count;
  int64_t limit;

  double part() const { return static_cast<double>(count) / static_cast<double>(limit); }
  std::string ToString() const { return absl::StrCat(count, " of ", limit); }
};

}  // namespace

void LayerBudget::SetSize(int64_t bytes) {
  absl::MutexLock lock(&mutex_);
  size_bytes_ = std::clamp<int64_t>(bytes, 0, kMaxBytes);
}

void LayerBudget::AddBytes(int64_t bytes) {
  absl::MutexLock lock(&mutex_);
  read_bytes_ = std::min(read_bytes_ + std::clamp<int64_t>(bytes, 0, kMaxBytes), kMaxBytes);
}

absl::Status LayerBudget::TakeEntries(int64_t count) {
  absl::MutexLock lock(&mutex_);
  entries_ += count;
  return Check();
}

absl::Status LayerBudget::TakeTar(int64_t bytes_of_it) {
  absl::MutexLock lock(&mutex_);
  tar_bytes_ += bytes_of_it;
  return Check();
}

absl::Status LayerBudget::TakeCopied(int64_t bytes_of_it) {
  absl::MutexLock lock(&mutex_);
  copied_bytes_ += bytes_of_it;
  return Check();
}

absl::Status LayerBudget::Check() const {
  const Share entries = {entries_, std::max(kFreeEntries, bytes() / kEntryBlobBytes)};
  const Share tar = {tar_bytes_, std::max(kFreeTarBytes, bytes() * kTarRatio)};
  const Share copied = {copied_bytes_, std::max(kFreeCopiedBytes, bytes() * kCopiedRatio)};
  if (entries.part() + tar.part() + copied.part() <= 1) {
    return absl::OkStatus();
  }
  return LimitExceeded(absl::StrCat("too much in layers that came as ", bytes(),
                                    " bytes, which is ", entries.ToString(), " entries, ",
                                    tar.ToString(), " bytes of tar and ", copied.ToString(),
                                    " bytes copied from layers below"));
}

absl::Status LayerBudget::TakeDescription(int64_t bytes_of_it) {
  absl::MutexLock lock(&mutex_);
  described_bytes_ += bytes_of_it;
  if (described_bytes_ <= kFreeDescriptionBytes ||
      described_bytes_ / kDescriptionRatio <= bytes()) {
    return absl::OkStatus();
  }
  return LimitExceeded(absl::StrCat("headers of more than ", kFreeDescriptionBytes,
                                    " bytes in all layers, and of more than ", kDescriptionRatio,
                                    " for each byte of them"));
}

}  // namespace holkas
