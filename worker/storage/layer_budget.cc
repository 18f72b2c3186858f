#include "worker/storage/layer_budget.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
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
  absl::string_view what;
  int64_t count;
  int64_t limit;

  double part() const { return static_cast<double>(count) / static_cast<double>(limit); }
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

void LayerBudget::AddStored(int64_t bytes) {
  absl::MutexLock lock(&mutex_);
  stored_bytes_ = std::min(stored_bytes_ + std::clamp<int64_t>(bytes, 0, kMaxBytes), kMaxBytes);
}

void LayerBudget::GiveBack(int64_t entries, int64_t described_bytes) {
  absl::MutexLock lock(&mutex_);
  entries_ -= entries;
  described_bytes_ -= described_bytes;
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

absl::Status LayerBudget::TakeStoredAgain(int64_t bytes_of_it) {
  absl::MutexLock lock(&mutex_);
  stored_again_bytes_ += bytes_of_it;
  return Check();
}

absl::Status LayerBudget::TakeCopiedEntries(int64_t count) {
  absl::MutexLock lock(&mutex_);
  copied_entries_ += count;
  return Check();
}

absl::Status LayerBudget::TakeCopied(int64_t bytes_of_it) {
  absl::MutexLock lock(&mutex_);
  copied_bytes_ += bytes_of_it;
  return Check();
}

absl::Status LayerBudget::Check() const {
  const int64_t came_bytes = size_bytes_.value_or(read_bytes_);
  const Share shares[] = {
      {"entries", entries_, std::max(kFreeEntries, bytes() / kEntryBlobBytes)},
      {"bytes of tar", tar_bytes_, std::max(kFreeTarBytes, bytes() * kTarRatio)},
      {"bytes of layers that the store has, once more", stored_again_bytes_,
       std::max(kFreeTarBytes, came_bytes * kTarRatio)},
      {"entries copied from layers below", copied_entries_,
       std::max(kFreeCopiedEntries, bytes() / kCopiedEntryBlobBytes)},
      {"bytes copied from layers below", copied_bytes_,
       std::max(kFreeCopiedBytes, bytes() * kCopiedRatio)},
  };
  double parts = 0;
  for (const Share& share : shares) {
    parts += share.part();
  }
  if (parts <= 1) {
    return absl::OkStatus();
  }
  std::string message = absl::StrCat("too much in layers that came as ", bytes(), " bytes:");
  absl::string_view separator = " ";
  for (const Share& share : shares) {
    if (share.count > 0) {
      absl::StrAppend(&message, std::exchange(separator, ", "), share.count, " ", share.what,
                      absl::StrFormat(" (%.0f%%)", 100 * share.part()));
    }
  }
  return LimitExceeded(absl::StrCat(message, " of what is allowed"));
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
