#include "worker/transports/registry/registry_blob_source.h"

#include "absl/strings/str_cat.h"
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
  ASSIGN_OR_RETURN(answer_,
                   client_.Send({.path = absl::StrCat("blobs/", blob_.digest.ToString())}));
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
  while (true) {
    absl::StatusOr<size_t> count = answer_->exchange().Read(buffer);
    if (count.ok()) {
      read_bytes_ += static_cast<int64_t>(*count);
      return count;
    }
    if (answer_->exchange().failure() != HttpFailure::kReset) {
      return WithContext(count.status(), Context());
    }
    if (read_bytes_ - resumed_at_bytes_ >= kResumeCreditBytes) {
      resumes_ = 0;
    }
    if (blob_.size_bytes < 0 || resumes_ == kMaxResumes) {
      return WithContext(count.status(), Context());
    }
    ++resumes_;
    if (absl::Status status = Resume(); !status.ok()) {
      return WithContext(status, Context());
    }
  }
}

absl::Status RegistryBlobSource::Resume() {
  answer_.reset();
  resumed_at_bytes_ = read_bytes_;
  ASSIGN_OR_RETURN(
      answer_, client_.Send({.path = absl::StrCat("blobs/", blob_.digest.ToString()),
                             .headers = {{"Range", absl::StrCat("bytes=", read_bytes_, "-")}}}));
  const HttpResponse& head = answer_->head();
  if (head.status == 200 && read_bytes_ == 0) {
    return CheckLength(head);
  }
  if (head.status == 200) {
    return MakeError(absl::StatusCode::kUnavailable, "REGISTRY_UNAVAILABLE",
                     absl::StrCat("the connection broke after ", read_bytes_,
                                  " bytes, and the registry cannot continue from there"));
  }
  if (head.status != 206) {
    return answer_->Error(RegistryObject::kBlob);
  }
  const std::optional<ContentRange> range = ParseContentRange(head.Header("Content-Range"));
  if (!range.has_value() || range->first != read_bytes_ || range->last != blob_.size_bytes - 1 ||
      (range->total >= 0 && range->total != blob_.size_bytes)) {
    return Mismatch(absl::StrCat("the registry continued with another range than bytes ",
                                 read_bytes_, " to ", blob_.size_bytes - 1));
  }
  return absl::OkStatus();
}

}  // namespace holkas
