#include "worker/blob/size_checked_source.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

absl::Status SizeError(const Digest& digest, const std::string& got, int64_t want_bytes) {
  return MakeError(
      absl::StatusCode::kDataLoss, "CONTENT_MISMATCH",
      absl::StrCat("read blob ", digest.ToString(), ": got ", got, " bytes, want ", want_bytes));
}

}  // namespace

SizeCheckedSource::SizeCheckedSource(std::unique_ptr<ByteSource> source, const Digest& digest,
                                     int64_t size_bytes)
    : source_(std::move(source)), digest_(digest), size_bytes_(size_bytes) {}

absl::StatusOr<size_t> SizeCheckedSource::Read(absl::Span<char> buffer) {
  if (at_end_ || buffer.empty()) {
    return 0;
  }
  size_t count = 0;
  if (read_bytes_ < size_bytes_) {
    const int64_t wanted =
        std::min<int64_t>(static_cast<int64_t>(buffer.size()), size_bytes_ - read_bytes_);
    ASSIGN_OR_RETURN(count, source_->Read(buffer.first(static_cast<size_t>(wanted))));
    if (count == 0) {
      return SizeError(digest_, absl::StrCat(read_bytes_), size_bytes_);
    }
    read_bytes_ += static_cast<int64_t>(count);
  }
  if (read_bytes_ == size_bytes_) {
    RETURN_IF_ERROR(CheckEnd());
  }
  return count;
}

absl::Status SizeCheckedSource::CheckEnd() {
  char beyond;
  ASSIGN_OR_RETURN(const size_t count, source_->Read(absl::MakeSpan(&beyond, 1)));
  if (count != 0) {
    return SizeError(digest_, absl::StrCat("more than ", size_bytes_), size_bytes_);
  }
  at_end_ = true;
  return absl::OkStatus();
}

}  // namespace holkas
