#include "worker/storage/layer_budget.h"

#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"

namespace holkas {

void LayerBudget::SetSize(int64_t bytes) {
  absl::MutexLock lock(&mutex_);
  size_bytes_ = bytes;
}

void LayerBudget::AddBytes(int64_t bytes) {
  absl::MutexLock lock(&mutex_);
  read_bytes_ += bytes;
}

absl::Status LayerBudget::TakeEntries(int64_t count) {
  absl::MutexLock lock(&mutex_);
  entries_ += count;
  if (entries_ <= kFreeEntries || entries_ <= bytes() / kEntryBlobBytes) {
    return absl::OkStatus();
  }
  return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                   absl::StrCat("unpack a layer: more than ", kFreeEntries,
                                " entries in all layers, and more than one for each ",
                                kEntryBlobBytes, " bytes of them"));
}

absl::Status LayerBudget::TakeDescription(int64_t bytes_of_it) {
  absl::MutexLock lock(&mutex_);
  described_bytes_ += bytes_of_it;
  if (described_bytes_ <= kFreeDescriptionBytes ||
      described_bytes_ / kDescriptionRatio <= bytes()) {
    return absl::OkStatus();
  }
  return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                   absl::StrCat("unpack a layer: headers of more than ", kFreeDescriptionBytes,
                                " bytes in all layers, and of more than ", kDescriptionRatio,
                                " for each byte of them"));
}

}  // namespace holkas
