#include "worker/transports/docker_daemon/archive_upload.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/archive/tar_header.h"
#include "worker/archive/tar_writer.h"

namespace holkas {

class ArchiveUpload::Sink : public ByteSink {
 public:
  Sink(ArchiveUpload& upload, int64_t size_bytes) : upload_(upload), size_bytes_(size_bytes) {}
  ~Sink() override { upload_.Release(finished_); }

  absl::Status Append(absl::string_view data) override {
    written_bytes_ += static_cast<int64_t>(data.size());
    if (written_bytes_ > size_bytes_) {
      return Mismatch();
    }
    return upload_.Send(data);
  }

  absl::Status Finish(const Digest& /*digest*/, int64_t /*size_bytes*/) override {
    if (written_bytes_ != size_bytes_) {
      return Mismatch();
    }
    RETURN_IF_ERROR(upload_.Send(std::string(TarPadding(size_bytes_), '\0')));
    finished_ = true;
    return absl::OkStatus();
  }

 private:
  absl::Status Mismatch() const {
    return MakeError(
        absl::StatusCode::kDataLoss, "CONTENT_MISMATCH",
        absl::StrCat("send archive: a member of ", size_bytes_, " bytes has ", written_bytes_));
  }

  ArchiveUpload& upload_;
  const int64_t size_bytes_;
  int64_t written_bytes_ = 0;
  bool finished_ = false;
};

absl::Status ArchiveUpload::Take() {
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(
      +[](ArchiveUpload* upload) ABSL_EXCLUSIVE_LOCKS_REQUIRED(upload->mutex_) {
        return !upload->taken_ || upload->broken_;
      },
      this));
  if (broken_) {
    return absl::CancelledError("send archive: another member failed");
  }
  taken_ = true;
  return absl::OkStatus();
}

void ArchiveUpload::Release(bool finished) {
  if (!finished) {
    // The daemon sees at once that nothing more will come.
    load_.reset();
  }
  absl::MutexLock lock(&mutex_);
  taken_ = false;
  broken_ |= !finished;
}

absl::Status ArchiveUpload::Send(absl::string_view data) {
  return data.empty() ? absl::OkStatus() : load_->Append(data);
}

absl::StatusOr<std::unique_ptr<ByteSink>> ArchiveUpload::Begin(const std::string& name,
                                                               int64_t size_bytes) {
  RETURN_IF_ERROR(Take());
  // From here on the sink gives the turn back.
  auto sink = std::make_unique<Sink>(*this, size_bytes);
  if (load_ == nullptr) {
    ASSIGN_OR_RETURN(load_, client_.LoadImage());
  }
  RETURN_IF_ERROR(Send(TarFileHeader(name, size_bytes)));
  return sink;
}

absl::Status ArchiveUpload::Add(const std::string& name, absl::string_view content) {
  const auto size_bytes = static_cast<int64_t>(content.size());
  ASSIGN_OR_RETURN(const std::unique_ptr<ByteSink> sink, Begin(name, size_bytes));
  RETURN_IF_ERROR(sink->Append(content));
  return sink->Finish(Digest::Sha256Of(content), size_bytes);
}

absl::Status ArchiveUpload::Finish() {
  RETURN_IF_ERROR(Take());
  const std::string end(2 * kTarBlockBytes, '\0');
  absl::Status status = Send(end);
  if (status.ok()) {
    status = load_->Finish();
  }
  Release(status.ok());
  return status;
}

}  // namespace holkas
