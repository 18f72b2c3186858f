#include "worker/archive/archive_file.h"

#include <utility>

#include "absl/strings/string_view.h"
#include "proto/wire/status_macros.h"

namespace holkas {

// Tells the archive when the blob is there.
class ArchiveFile::Sink : public ByteSink {
 public:
  Sink(ArchiveFile& file, std::unique_ptr<ByteSink> sink) : file_(file), sink_(std::move(sink)) {}

  absl::Status Append(absl::string_view data) override { return sink_->Append(data); }

  absl::Status Finish(const Digest& digest, int64_t size_bytes) override {
    RETURN_IF_ERROR(sink_->Finish(digest, size_bytes));
    absl::MutexLock lock(&file_.mutex_);
    file_.written_.insert(digest);
    return absl::OkStatus();
  }

 private:
  ArchiveFile& file_;
  const std::unique_ptr<ByteSink> sink_;
};

absl::StatusOr<std::unique_ptr<ArchiveFile>> ArchiveFile::Create(Broker& broker) {
  ASSIGN_OR_RETURN(Broker::NewFile file, broker.CreateFile(/*size_bytes=*/-1));
  return std::unique_ptr<ArchiveFile>(new ArchiveFile(broker, std::move(file)));
}

ArchiveFile::ArchiveFile(Broker& broker, Broker::NewFile file)
    : broker_(broker), file_(std::move(file)), queue_(file_.fd.get(), /*offset=*/0, broker) {}

ArchiveFile::~ArchiveFile() {
  if (!publishing_) {
    file_.fd.reset();
    // A file that cannot be dropped now goes with the job.
    (void)broker_.DropFile(file_.id);
  }
}

void ArchiveFile::Expect(const Descriptor& blob, TarQueue::NameOf name_of) {
  // It may become another one on its way.
  constexpr int64_t kUnknown = -1;
  TarQueue::Place* const place = queue_.Reserve(blob.digest, kUnknown, std::move(name_of));
  absl::MutexLock lock(&mutex_);
  expected_[blob.digest] = place;
}

TarQueue::Place* ArchiveFile::TakePlace(const Digest& digest) {
  absl::MutexLock lock(&mutex_);
  auto found = expected_.extract(digest);
  return found.empty() ? nullptr : found.mapped();
}

absl::Status ArchiveFile::End(const Digest& digest) {
  TarQueue::Place* const place = TakePlace(digest);
  return place == nullptr ? absl::OkStatus() : queue_.Skip(place);
}

absl::Status ArchiveFile::Guess(const Digest& digest, int64_t size_bytes) {
  TarQueue::Place* place = nullptr;
  {
    absl::MutexLock lock(&mutex_);
    const auto found = expected_.find(digest);
    if (found == expected_.end()) {
      return absl::OkStatus();
    }
    place = found->second;
  }
  return queue_.GuessSize(place, size_bytes);
}

bool ArchiveFile::Has(const Digest& digest) const {
  absl::MutexLock lock(&mutex_);
  return written_.count(digest) > 0;
}

absl::StatusOr<std::unique_ptr<ByteSink>> ArchiveFile::Write(const Descriptor& blob,
                                                             TarQueue::NameOf name_of) {
  TarQueue::Place* place = TakePlace(blob.digest);
  if (place == nullptr) {
    place = queue_.Reserve(blob.digest, blob.size_bytes, std::move(name_of));
  } else if (blob.size_bytes >= 0) {
    RETURN_IF_ERROR(queue_.SetSize(place, blob.size_bytes));
  }
  return std::make_unique<Sink>(*this, queue_.Write(place));
}

absl::StatusOr<TarWriter*> ArchiveFile::EndBlobs() {
  if (!writer_.has_value()) {
    ASSIGN_OR_RETURN(const int64_t end, queue_.End());
    writer_.emplace(file_.fd.get(), end);
  }
  return &*writer_;
}

absl::Status ArchiveFile::Publish() {
  ASSIGN_OR_RETURN(TarWriter * writer, EndBlobs());
  RETURN_IF_ERROR(writer->Finish());
  // holkasd publishes nothing that somebody could still write to.
  file_.fd.reset();
  publishing_ = true;
  return broker_.Publish(file_.id, writer->offset());
}

}  // namespace holkas
