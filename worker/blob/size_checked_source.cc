#include "worker/blob/size_checked_source.h"

#include <algorithm>
#include <cstring>
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
  ASSIGN_OR_RETURN(const absl::string_view piece, ReadPiece(buffer));
  if (piece.data() != buffer.data()) {
    std::memcpy(buffer.data(), piece.data(), piece.size());
  }
  return piece.size();
}

absl::StatusOr<absl::string_view> SizeCheckedSource::ReadPiece(absl::Span<char> buffer) {
  absl::string_view piece(buffer.data(), 0);
  if (at_end_ || buffer.empty()) {
    return piece;
  }
  if (read_bytes_ < size_bytes_) {
    const int64_t wanted =
        std::min<int64_t>(static_cast<int64_t>(buffer.size()), size_bytes_ - read_bytes_);
    ASSIGN_OR_RETURN(piece, source_->ReadPiece(buffer.first(static_cast<size_t>(wanted))));
    if (piece.empty()) {
      return SizeError(digest_, absl::StrCat(read_bytes_), size_bytes_);
    }
    read_bytes_ += static_cast<int64_t>(piece.size());
  }
  if (read_bytes_ == size_bytes_) {
    // To look for the end is another call, after which only the buffer is as it was.
    if (piece.data() != buffer.data()) {
      std::memcpy(buffer.data(), piece.data(), piece.size());
      piece = absl::string_view(buffer.data(), piece.size());
    }
    RETURN_IF_ERROR(CheckEnd());
  }
  return piece;
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
