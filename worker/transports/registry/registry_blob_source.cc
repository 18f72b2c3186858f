#include "worker/transports/registry/registry_blob_source.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/http/content_range.h"

namespace holkas {
namespace {

absl::Status Mismatch(absl::string_view message) {
  return MakeError(absl::StatusCode::kDataLoss, "CONTENT_MISMATCH", message);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ByteSource>> RegistryBlobSource::Open(RegistryClient& client,
                                                                     const Descriptor& blob) {
  std::unique_ptr<RegistryBlobSource> source(new RegistryBlobSource(client, blob));
  if (absl::Status status = source->Begin(); !status.ok()) {
    return WithContext(status, source->Context());
  }
  return source;
}

std::string RegistryBlobSource::Context() const {
  return absl::StrCat("reading blob ", blob_.digest.ToString(), " in ", client_.repository_name());
}

absl::Status RegistryBlobSource::Begin() {
  ASSIGN_OR_RETURN(answer_, client_.Send({.path = absl::StrCat("blobs/", blob_.digest.ToString()),
                                          .is_blob = true}));
  if (answer_->head().status != 200) {
    return answer_->Error(RegistryObject::kBlob);
  }
  return CheckLength(answer_->head());
}

absl::Status RegistryBlobSource::CheckLength(const HttpResponse& head) const {
  if (head.content_length >= 0 && blob_.size_bytes >= 0 &&
      head.content_length != blob_.size_bytes) {
    return Mismatch(absl::StrCat("the registry announces ", head.content_length, " bytes, want ",
                                 blob_.size_bytes));
  }
  return absl::OkStatus();
}

absl::StatusOr<size_t> RegistryBlobSource::Read(absl::Span<char> buffer) {
  ASSIGN_OR_RETURN(const absl::string_view piece, ReadOn(buffer, /*may_lend=*/false));
  return piece.size();
}

absl::StatusOr<absl::string_view> RegistryBlobSource::ReadPiece(absl::Span<char> buffer) {
  return ReadOn(buffer, /*may_lend=*/true);
}

absl::StatusOr<absl::string_view> RegistryBlobSource::ReadOn(absl::Span<char> buffer,
                                                             bool may_lend) {
  while (true) {
    const absl::StatusOr<absl::string_view> piece = ReadOnce(buffer, may_lend);
    const HttpFailure failure = Break(piece);
    if (failure == HttpFailure::kNone) {
      read_bytes_ += piece.ok() ? static_cast<int64_t>(piece->size()) : 0;
      return piece.ok() ? piece : WithContext(piece.status(), Context());
    }
    if (read_bytes_ == blob_.size_bytes) {
      return absl::string_view();  // what is missing is the message's end, not the blob's
    }
    if (piece.ok() && restarts_ == kMaxRestarts) {
      return piece;  // the registry has no more: who reads says that it is too little
    }
    const absl::StatusOr<bool> resumed = Resume(failure);
    if (!resumed.ok()) {
      return WithContext(resumed.status(), Context());
    }
    if (!*resumed) {
      // Without an error it is for who reads to say that this was too short.
      return piece.ok() ? piece : WithContext(piece.status(), Context());
    }
  }
}

absl::StatusOr<absl::string_view> RegistryBlobSource::ReadOnce(absl::Span<char> buffer,
                                                               bool may_lend) {
  while (skip_bytes_ > 0) {
    const size_t wanted = std::min<size_t>(buffer.size(), static_cast<size_t>(skip_bytes_));
    ASSIGN_OR_RETURN(const size_t count, answer_->exchange().Read(buffer.first(wanted)));
    if (count == 0) {
      return absl::string_view();
    }
    skip_bytes_ -= static_cast<int64_t>(count);
  }
  if (may_lend) {
    return answer_->exchange().ReadPiece(buffer);
  }
  ASSIGN_OR_RETURN(const size_t count, answer_->exchange().Read(buffer));
  return absl::string_view(buffer.data(), count);
}

HttpFailure RegistryBlobSource::Break(const absl::StatusOr<absl::string_view>& piece) const {
  if (blob_.size_bytes < 0) {
    return HttpFailure::kNone;  // nobody knows where it ends
  }
  if (piece.ok()) {
    // A body without a length ends with the connection, however that ended.
    return piece->empty() && read_bytes_ < blob_.size_bytes ? HttpFailure::kReset
                                                            : HttpFailure::kNone;
  }
  const HttpFailure failure = answer_->exchange().failure();
  return failure == HttpFailure::kReset || failure == HttpFailure::kStall ? failure
                                                                          : HttpFailure::kNone;
}

absl::StatusOr<bool> RegistryBlobSource::Resume(HttpFailure failure) {
  const std::optional<absl::Duration> delay = budget_.Resume(failure, read_bytes_);
  if (!delay.has_value() || restarts_ > kMaxRestarts) {
    return false;
  }
  answer_.reset();
  if (*delay > absl::ZeroDuration()) {
    client_.Wait(*delay);
  }
  RegistryRequest request = {.path = absl::StrCat("blobs/", blob_.digest.ToString()),
                             .is_blob = true};
  if (read_bytes_ > 0) {
    request.headers = {{"Range", absl::StrCat("bytes=", read_bytes_, "-")}};
  }
  ASSIGN_OR_RETURN(answer_, client_.Send(request));
  RETURN_IF_ERROR(TakeAnswer());
  return true;
}

absl::Status RegistryBlobSource::TakeAnswer() {
  const HttpResponse& head = answer_->head();
  if (head.status == 206 && read_bytes_ > 0) {
    skip_bytes_ = 0;
    return CheckRange(head);
  }
  if (head.status == 416) {
    return CannotContinue("refuses to continue from there");
  }
  if (head.status != 200) {
    return answer_->Error(RegistryObject::kBlob);
  }
  RETURN_IF_ERROR(CheckLength(head));
  skip_bytes_ = read_bytes_;
  if (read_bytes_ > 0 && ++restarts_ > kMaxRestarts) {
    return CannotContinue("cannot continue from there");
  }
  return absl::OkStatus();
}

absl::Status RegistryBlobSource::CannotContinue(absl::string_view why) const {
  return MakeError(
      absl::StatusCode::kUnavailable, "REGISTRY_UNAVAILABLE",
      absl::StrCat("the connection broke after ", read_bytes_, " bytes, and the registry ", why));
}

absl::Status RegistryBlobSource::CheckRange(const HttpResponse& head) const {
  const std::vector<absl::string_view> ranges = head.Headers("Content-Range");
  const std::optional<ContentRange> range =
      ranges.size() == 1 ? ParseContentRange(ranges.front()) : std::nullopt;
  const int64_t left_bytes = blob_.size_bytes - read_bytes_;
  if (!range.has_value() || range->first != read_bytes_ || range->last != blob_.size_bytes - 1 ||
      (range->total >= 0 && range->total != blob_.size_bytes) ||
      (head.content_length >= 0 && head.content_length != left_bytes)) {
    return Mismatch(absl::StrCat("the registry continued with another range than bytes ",
                                 read_bytes_, " to ", blob_.size_bytes - 1));
  }
  return absl::OkStatus();
}

}  // namespace holkas
