#include "worker/transports/registry/registry_upload.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

// Some registries copy a blob, or hash it, before they answer that they have it.
constexpr int64_t kSlowestCommitBytes = 32 << 20;  // a second

bool IsSuccess(int status) { return status >= 200 && status < 300; }

Url WithDigest(const Url& url, const Digest& digest) {
  const bool has_query = url.target().find('?') != std::string::npos;
  const std::string value = absl::StrReplaceAll(digest.ToString(), {{":", "%3A"}});
  return Url(url.origin(), absl::StrCat(url.target(), has_query ? "&" : "?", "digest=", value));
}

}  // namespace

absl::StatusOr<std::unique_ptr<ByteSink>> RegistryUpload::Open(RegistryClient& client,
                                                               const Descriptor& blob) {
  std::unique_ptr<RegistryUpload> upload(new RegistryUpload(client, blob));
  if (absl::Status status = upload->OpenSession(); !status.ok()) {
    return WithContext(status, upload->Context());
  }
  return upload;
}

RegistryUpload::~RegistryUpload() {
  const bool deletable = patch_ == nullptr || EndEarly();
  patch_.reset();
  if (session_.has_value() && deletable) {
    DeleteUploadSession(client_, *session_);
  }
}

// A body in chunks can end anywhere, and a session can be deleted by the location that the answer
// gives; docker-registry does not know a session any more whose body broke off.
bool RegistryUpload::EndEarly() {
  if (patch_->exchange().failure() != HttpFailure::kNone) {
    return patch_->exchange().failure() != HttpFailure::kStall;
  }
  patch_->exchange().EndBody();
  if (!patch_->Await().ok()) {
    return false;
  }
  if (IsSuccess(patch_->head().status)) {
    patch_->Discard();
    (void)TakeLocation(*patch_);
  }
  return true;
}

std::string RegistryUpload::Context() const {
  return absl::StrCat("writing blob ", blob_.digest.ToString(), " in ", client_.repository_name());
}

absl::Status RegistryUpload::OpenSession() {
  ASSIGN_OR_RETURN(std::unique_ptr<RegistryAnswer> answer,
                   client_.Send({.method = "POST", .path = "blobs/uploads/", .body = ""}));
  if (answer->head().status != 202) {
    return answer->Error(RegistryObject::kUpload);
  }
  answer->Discard();
  return TakeLocation(*answer);
}

absl::Status RegistryUpload::TakeLocation(const RegistryAnswer& answer) {
  ASSIGN_OR_RETURN(session_, client_.ResolveLocation(answer));
  return absl::OkStatus();
}

absl::Status RegistryUpload::Append(absl::string_view data) {
  const absl::Status status = Send(data);
  return status.ok() ? status : WithContext(status, Context());
}

absl::Status RegistryUpload::Send(absl::string_view data) {
  if (patch_ == nullptr) {
    ASSIGN_OR_RETURN(
        patch_, client_.StartUpload({.method = "PATCH",
                                     .url = session_,
                                     .headers = {{"Content-Type", "application/octet-stream"}}}));
  }
  sent_bytes_ += static_cast<int64_t>(data.size());
  if (blob_.size_bytes >= 0 && sent_bytes_ > blob_.size_bytes) {
    return MakeError(absl::StatusCode::kDataLoss, "CONTENT_MISMATCH",
                     absl::StrCat("more than ", blob_.size_bytes, " bytes to write"));
  }
  const absl::Status status = patch_->exchange().Write(data);
  if (status.code() != absl::StatusCode::kAborted) {
    return status;
  }
  // The registry did not want to hear more: its answer says why.
  RETURN_IF_ERROR(patch_->Await());
  return patch_->Error(RegistryObject::kUpload);
}

absl::Status RegistryUpload::Finish(const Digest& digest, int64_t size_bytes) {
  absl::Status status = EndBody(size_bytes);
  if (status.ok()) {
    status = Close(digest);
  }
  return status.ok() ? status : WithContext(status, Context());
}

absl::Status RegistryUpload::EndBody(int64_t size_bytes) {
  if (sent_bytes_ != size_bytes || (blob_.size_bytes >= 0 && size_bytes != blob_.size_bytes)) {
    return MakeError(absl::StatusCode::kDataLoss, "CONTENT_MISMATCH",
                     absl::StrCat("wrote ", sent_bytes_, " bytes, want ", size_bytes));
  }
  if (patch_ == nullptr) {
    return absl::OkStatus();  // nothing was to be sent
  }
  patch_->exchange().EndBody();
  RETURN_IF_ERROR(patch_->Await());
  if (!IsSuccess(patch_->head().status)) {
    return patch_->Error(RegistryObject::kUpload);
  }
  patch_->Discard();
  RETURN_IF_ERROR(TakeLocation(*patch_));
  patch_.reset();
  return absl::OkStatus();
}

absl::Status RegistryUpload::Close(const Digest& digest) {
  RegistryRequest request = {.method = "PUT", .url = WithDigest(*session_, digest), .body = ""};
  request.extra_patience = absl::Seconds(sent_bytes_ / kSlowestCommitBytes);
  ASSIGN_OR_RETURN(std::unique_ptr<RegistryAnswer> answer, client_.Send(request));
  const int status = answer->head().status;
  if (status != 201 && status != 204) {
    const absl::Status error = answer->Error(RegistryObject::kUpload);
    answer.reset();
    // Repeated after its answer was lost, the request finds no session, but the blob.
    RETURN_IF_ERROR(status == 404 && IsStored(digest) ? absl::OkStatus() : error);
  } else {
    answer->Discard();
  }
  session_.reset();
  return absl::OkStatus();
}

bool RegistryUpload::IsStored(const Digest& digest) {
  const absl::StatusOr<std::unique_ptr<RegistryAnswer>> answer =
      client_.Send({.method = "HEAD", .path = absl::StrCat("blobs/", digest.ToString())});
  return answer.ok() && (*answer)->head().status == 200 &&
         (*answer)->head().content_length == sent_bytes_;
}

void DeleteUploadSession(RegistryClient& client, const Url& session) {
  const absl::StatusOr<std::unique_ptr<RegistryAnswer>> answer =
      client.Send({.method = "DELETE", .url = session, .body = "", .attempts = 1});
  if (answer.ok()) {
    (*answer)->Discard();
  }
}

}  // namespace holkas
