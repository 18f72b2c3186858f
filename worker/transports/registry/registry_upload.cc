#include "worker/transports/registry/registry_upload.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/http/retry.h"

namespace holkas {
namespace {

// Some registries copy a blob, or hash it, before they answer that they have it.
constexpr int64_t kSlowestCommitBytes = 32 << 20;  // a second
// How often a chunk is sent without the registry taking any of it.
constexpr int kMaxChunkAttempts = 6;

bool IsTrouble(int status) { return MaxAttempts(status, true) > 1; }

absl::Status Mismatch(absl::string_view message) {
  return MakeError(absl::StatusCode::kDataLoss, "CONTENT_MISMATCH", message);
}

absl::Status Unavailable(absl::string_view message) {
  return MakeError(absl::StatusCode::kUnavailable, "REGISTRY_UNAVAILABLE", message);
}

Url WithDigest(const Url& url, const Digest& digest) {
  const bool has_query = url.target().find('?') != std::string::npos;
  const std::string value = absl::StrReplaceAll(digest.ToString(), {{":", "%3A"}});
  return Url(url.origin(), absl::StrCat(url.target(), has_query ? "&" : "?", "digest=", value));
}

}  // namespace

std::optional<int64_t> KeptBytes(const HttpResponse& head) {
  absl::string_view range = head.Header("Range");
  absl::ConsumePrefix(&range, "bytes=");
  int64_t last = 0;
  if (!absl::ConsumePrefix(&range, "0-") || range.empty() || range.size() > 18 ||
      !std::all_of(range.begin(), range.end(), [](char c) { return c >= '0' && c <= '9'; }) ||
      !absl::SimpleAtoi(range, &last)) {
    return std::nullopt;
  }
  return last + 1;
}

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

std::string RegistryUpload::Context() const {
  return absl::StrCat("writing blob ", blob_.digest.ToString(), " in ", client_.repository_name());
}

absl::Status RegistryUpload::OpenSession() {
  ASSIGN_OR_RETURN(std::unique_ptr<RegistryAnswer> answer,
                   client_.Send({.method = "POST", .path = "blobs/uploads/", .body = ""}));
  if (answer->head().status != 202) {
    return answer->Error(RegistryObject::kUpload);
  }
  int64_t least_bytes = 0;
  if (absl::SimpleAtoi(answer->head().Header("OCI-Chunk-Min-Length"), &least_bytes)) {
    chunk_bytes_ = std::max(least_bytes, kChunkBytes);
  }
  answer->Discard();
  return TakeLocation(*answer);
}

absl::Status RegistryUpload::TakeLocation(const RegistryAnswer& answer) {
  ASSIGN_OR_RETURN(session_, client_.ResolveLocation(answer));
  return absl::OkStatus();
}

std::optional<int64_t> RegistryUpload::AskKeptBytes() {
  const absl::StatusOr<std::unique_ptr<RegistryAnswer>> answer = client_.Send({.url = session_});
  if (!answer.ok() || !(*answer)->head().succeeded()) {
    return std::nullopt;
  }
  (*answer)->Discard();
  std::optional<int64_t> kept_bytes = KeptBytes((*answer)->head());
  if (kept_bytes == 1) {
    kept_bytes.reset();
  }
  // Without a Location the session goes on where it was.
  if (!(*answer)->head().Header("Location").empty() && !TakeLocation(**answer).ok()) {
    return std::nullopt;
  }
  return kept_bytes;
}

absl::Status RegistryUpload::Rewind() {
  if (!std::exchange(may_rewind_, false)) {
    return absl::FailedPreconditionError("beginning again would not help");
  }
  patch_.reset();
  if (!client_.WaitAfter(++rewinds_)) {
    return Unavailable("the job has tried too often");
  }
  const int64_t sent_bytes = std::exchange(given_bytes_, 0);
  chunk_.clear();
  kept_less_ = false;
  in_chunks_ = chunk_bytes_ <= kMaxChunkBytes;
  const std::optional<int64_t> kept_bytes = in_chunks_ ? AskKeptBytes() : std::nullopt;
  if (kept_bytes.has_value() && *kept_bytes <= sent_bytes) {
    kept_bytes_ = *kept_bytes;
    return absl::OkStatus();
  }
  DeleteUploadSession(client_, *std::exchange(session_, std::nullopt));
  kept_bytes_ = 0;
  return OpenSession();
}

absl::Status RegistryUpload::Append(absl::string_view data) {
  const absl::Status status = Take(data);
  return status.ok() ? status : WithContext(status, Context());
}

absl::Status RegistryUpload::Take(absl::string_view data) {
  given_bytes_ += static_cast<int64_t>(data.size());
  if (blob_.size_bytes >= 0 && given_bytes_ > blob_.size_bytes) {
    return Mismatch(absl::StrCat("more than ", blob_.size_bytes, " bytes to write"));
  }
  return in_chunks_ ? Collect(data) : Stream(data);
}

absl::Status RegistryUpload::Stream(absl::string_view data) {
  if (patch_ == nullptr) {
    ASSIGN_OR_RETURN(
        patch_, client_.StartUpload({.method = "PATCH",
                                     .url = session_,
                                     .headers = {{"Content-Type", "application/octet-stream"}}}));
  }
  const absl::Status status = patch_->exchange().Write(data);
  if (status.code() != absl::StatusCode::kAborted) {
    return StreamError(status);
  }
  // The registry did not want to hear more: its answer says why.
  RETURN_IF_ERROR(StreamError(patch_->Await()));
  return StreamRefusal();
}

absl::Status RegistryUpload::StreamError(const absl::Status& status) {
  may_rewind_ = !status.ok() && MaxAttempts(patch_->exchange().failure(), true) > 1;
  return status;
}

absl::Status RegistryUpload::StreamRefusal() {
  const int status = patch_->head().status;
  may_rewind_ = IsTrouble(status) || status == 404 || status == 416 || client_.Reauthorize(*patch_);
  return patch_->Error(RegistryObject::kUpload);
}

absl::Status RegistryUpload::EndStream() {
  patch_->exchange().EndBody();
  RETURN_IF_ERROR(StreamError(patch_->Await()));
  if (!patch_->head().succeeded()) {
    return StreamRefusal();
  }
  patch_->Discard();
  // Not every registry says it rightly: the PUT shows whether it was.
  kept_less_ = KeptBytes(patch_->head()).value_or(given_bytes_) < given_bytes_;
  RETURN_IF_ERROR(TakeLocation(*patch_));
  patch_.reset();
  return absl::OkStatus();
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
  if (patch_->head().succeeded()) {
    patch_->Discard();
    (void)TakeLocation(*patch_);
  }
  return true;
}

absl::Status RegistryUpload::Collect(absl::string_view data) {
  const int64_t data_begins = given_bytes_ - static_cast<int64_t>(data.size());
  if (data_begins < kept_bytes_) {
    const int64_t known = std::min(kept_bytes_ - data_begins, static_cast<int64_t>(data.size()));
    data.remove_prefix(static_cast<size_t>(known));
  }
  while (!data.empty()) {
    const size_t room = static_cast<size_t>(chunk_bytes_) - chunk_.size();
    const absl::string_view piece = data.substr(0, room);
    chunk_.append(piece.data(), piece.size());
    data.remove_prefix(piece.size());
    if (chunk_.size() == static_cast<size_t>(chunk_bytes_)) {
      RETURN_IF_ERROR(SendChunk());
    }
  }
  return absl::OkStatus();
}

absl::Status RegistryUpload::SendChunk() {
  for (int attempt = 1; !chunk_.empty(); ++attempt) {
    const int64_t first = kept_bytes_;
    const int64_t end = first + static_cast<int64_t>(chunk_.size());
    ASSIGN_OR_RETURN(const bool taken, SendChunkOnce());
    if (!taken) {
      if (attempt == kMaxChunkAttempts || !client_.WaitAfter(attempt)) {
        return Unavailable(absl::StrCat("the registry does not take the bytes from ", first));
      }
      kept_bytes_ = AskKeptBytes().value_or(-1);
    }
    if (kept_bytes_ < first || kept_bytes_ > end) {
      may_rewind_ = true;
      return Unavailable(
          absl::StrCat("the registry lost what it had of the upload before byte ", first));
    }
    attempt = kept_bytes_ > first ? 0 : attempt;
    chunk_.erase(0, static_cast<size_t>(kept_bytes_ - first));
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> RegistryUpload::SendChunkOnce() {
  const int64_t last = kept_bytes_ + static_cast<int64_t>(chunk_.size()) - 1;
  const absl::StatusOr<std::unique_ptr<RegistryAnswer>> answer =
      client_.Send({.method = "PATCH",
                    .url = session_,
                    .headers = {{"Content-Type", "application/octet-stream"},
                                {"Content-Range", absl::StrCat(kept_bytes_, "-", last)}},
                    .body = chunk_,
                    .attempts = 1});
  if (!answer.ok()) {
    return absl::IsUnavailable(answer.status()) ? absl::StatusOr<bool>(false) : answer.status();
  }
  const int status = (*answer)->head().status;
  if ((*answer)->head().succeeded()) {
    (*answer)->Discard();
    const int64_t kept_bytes = KeptBytes((*answer)->head()).value_or(last + 1);
    if (kept_bytes == 1 && last > 0) {
      return false;
    }
    kept_bytes_ = kept_bytes;
    RETURN_IF_ERROR(TakeLocation(**answer));
    return true;
  }
  if (IsTrouble(status) || status == 416) {
    (*answer)->Discard();
    return false;
  }
  may_rewind_ = status == 404;
  return (*answer)->Error(RegistryObject::kUpload);
}

absl::Status RegistryUpload::Finish(const Digest& digest, int64_t size_bytes) {
  absl::Status status = EndBody(size_bytes);
  if (status.ok()) {
    status = Close(digest);
  }
  return status.ok() ? status : WithContext(status, Context());
}

absl::Status RegistryUpload::EndBody(int64_t size_bytes) {
  if (given_bytes_ != size_bytes || (blob_.size_bytes >= 0 && size_bytes != blob_.size_bytes)) {
    return Mismatch(absl::StrCat("wrote ", given_bytes_, " bytes, want ", size_bytes));
  }
  if (in_chunks_) {
    return SendChunk();
  }
  return patch_ == nullptr ? absl::OkStatus() : EndStream();  // perhaps nothing was to be sent
}

absl::Status RegistryUpload::Close(const Digest& digest) {
  RegistryRequest request = {.method = "PUT", .url = WithDigest(*session_, digest), .body = ""};
  request.extra_patience = absl::Seconds(given_bytes_ / kSlowestCommitBytes);
  ASSIGN_OR_RETURN(std::unique_ptr<RegistryAnswer> answer, client_.Send(request));
  const int status = answer->head().status;
  if (status != 201 && status != 204) {
    const absl::Status error = CloseRefusal(*answer);
    answer.reset();
    // Repeated after its answer was lost, the request finds no session, but the blob.
    RETURN_IF_ERROR(status == 404 && IsStored(digest) ? absl::OkStatus() : error);
    may_rewind_ = false;
  } else {
    answer->Discard();
    const absl::StatusOr<Digest> stored =
        Digest::Parse(answer->head().Header("Docker-Content-Digest"));
    if (stored.ok() && stored->algorithm() == digest.algorithm() && *stored != digest) {
      return Mismatch(
          absl::StrCat("the registry stored ", stored->ToString(), ", want ", digest.ToString()));
    }
  }
  session_.reset();
  return absl::OkStatus();
}

// A session that is not known any more can be begun again, and so can one that lost bytes.
absl::Status RegistryUpload::CloseRefusal(RegistryAnswer& answer) {
  const int status = answer.head().status;
  may_rewind_ = status == 404 || (kept_less_ && (status == 400 || status == 416));
  return answer.Error(RegistryObject::kUpload);
}

bool RegistryUpload::IsStored(const Digest& digest) {
  const absl::StatusOr<std::unique_ptr<RegistryAnswer>> answer =
      client_.Send({.method = "HEAD", .path = absl::StrCat("blobs/", digest.ToString())});
  return answer.ok() && (*answer)->head().status == 200 &&
         (*answer)->head().content_length == given_bytes_;
}

void DeleteUploadSession(RegistryClient& client, const Url& session) {
  const absl::StatusOr<std::unique_ptr<RegistryAnswer>> answer =
      client.Send({.method = "DELETE", .url = session, .body = "", .attempts = 1});
  if (answer.ok()) {
    (*answer)->Discard();
  }
}

}  // namespace holkas
