#include "worker/archive/tar_queue.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/archive/random_file.h"
#include "worker/archive/tar_header.h"
#include "worker/archive/tar_writer.h"
#include "worker/blob/copy_bytes.h"

namespace holkas {
namespace {

// Content that has no place yet is in memory up to here: many layers and all configurations.
constexpr size_t kMaxHeldBytes = 256 << 10;
// ...and then in one of so many files, none larger than this. Beyond, its thread waits.
constexpr int kMaxSpools = 16;
constexpr int64_t kMaxSpooledBytes = int64_t{2} << 30;

absl::Status Cancelled() { return absl::CancelledError("write archive: another member failed"); }

}  // namespace

class TarQueue::Place {
 public:
  Place(const Digest& digest, int64_t size_bytes, NameOf name_of)
      : name_of(std::move(name_of)),
        header_bytes(static_cast<int64_t>(TarFileHeader(this->name_of(digest), 0).size())),
        size_bytes(size_bytes) {}

  const NameOf name_of;
  const int64_t header_bytes;
  // All that follows is guarded by the queue's mutex, and after `finished` nobody's but the one who
  // moves what is kept.
  int64_t size_bytes;
  // Of the header.
  std::optional<int64_t> offset;
  bool left_out = false;
  // The content is whole, but for what is kept.
  bool finished = false;
  // It is in the archive.
  bool written = false;
  std::string header;
  Kept kept;
};

class TarQueue::Sink : public ByteSink {
 public:
  Sink(TarQueue& queue, Place* place) : queue_(queue), place_(place) {}
  ~Sink() override {
    if (!finished_) {
      queue_.Cancel();
    }
  }

  absl::Status Append(absl::string_view data) override {
    RETURN_IF_ERROR(LookForOffset());
    if (!offset_.has_value()) {
      RETURN_IF_ERROR(Keep(data));
    } else {
      RETURN_IF_ERROR(WriteAllAt(queue_.fd_, *offset_ + written_bytes_, data));
    }
    written_bytes_ += static_cast<int64_t>(data.size());
    return absl::OkStatus();
  }

  absl::Status Finish(const Digest& digest, int64_t size_bytes) override {
    if (size_bytes != written_bytes_) {
      return MakeError(absl::StatusCode::kDataLoss, "CONTENT_MISMATCH",
                       absl::StrCat("write ", digest.ToString(), ": got ", written_bytes_,
                                    " bytes, want ", size_bytes));
    }
    RETURN_IF_ERROR(queue_.Finish(place_, place_->name_of(digest), size_bytes, std::move(kept_)));
    finished_ = true;
    return absl::OkStatus();
  }

 private:
  // Moves what is kept as soon as the place has an offset.
  absl::Status LookForOffset() {
    if (offset_.has_value()) {
      return absl::OkStatus();
    }
    std::optional<int64_t> header_offset;
    {
      absl::MutexLock lock(&queue_.mutex_);
      if (queue_.broken_) {
        return Cancelled();
      }
      header_offset = place_->offset;
    }
    return header_offset.has_value() ? HaveOffset(*header_offset + place_->header_bytes)
                                     : absl::OkStatus();
  }

  absl::Status HaveOffset(int64_t offset) {
    offset_ = offset;
    return queue_.Move(std::exchange(kept_, {}), offset);
  }

  absl::Status Keep(absl::string_view data) {
    if (!kept_.spool.valid() && kept_.bytes.size() + data.size() <= kMaxHeldBytes) {
      kept_.bytes.append(data.data(), data.size());
      return absl::OkStatus();
    }
    if (!kept_.spool.valid()) {
      ASSIGN_OR_RETURN(kept_.spool, queue_.TakeSpool());
    }
    const int64_t more = static_cast<int64_t>(kept_.bytes.size() + data.size());
    if (!kept_.spool.valid() || kept_.spooled_bytes + more > kMaxSpooledBytes) {
      ASSIGN_OR_RETURN(const int64_t offset, queue_.WaitForOffset(place_));
      RETURN_IF_ERROR(HaveOffset(offset));
      return WriteAllAt(queue_.fd_, *offset_ + written_bytes_, data);
    }
    for (const absl::string_view bytes : {absl::string_view(kept_.bytes), data}) {
      RETURN_IF_ERROR(WriteAllAt(kept_.spool.get(), kept_.spooled_bytes, bytes));
      kept_.spooled_bytes += static_cast<int64_t>(bytes.size());
    }
    kept_.bytes.clear();
    return absl::OkStatus();
  }

  TarQueue& queue_;
  Place* const place_;
  // Of the content, once it is known.
  std::optional<int64_t> offset_;
  Kept kept_;
  int64_t written_bytes_ = 0;
  bool finished_ = false;
};

TarQueue::TarQueue(int fd, int64_t offset, Broker& broker)
    : fd_(fd), broker_(broker), next_(offset) {}

TarQueue::~TarQueue() = default;

TarQueue::Place* TarQueue::Reserve(const Digest& digest, int64_t size_bytes, NameOf name_of) {
  auto place = std::make_unique<Place>(digest, size_bytes, std::move(name_of));
  absl::MutexLock lock(&mutex_);
  Place* const reserved = places_.emplace_back(std::move(place)).get();
  Advance();  // nothing can have waited for it
  return reserved;
}

absl::Status TarQueue::SetSize(Place* place, int64_t size_bytes) {
  std::vector<Place*> waiting;
  {
    absl::MutexLock lock(&mutex_);
    place->size_bytes = size_bytes;
    waiting = Advance();
  }
  return Flush(waiting);
}

absl::Status TarQueue::Skip(Place* place) {
  std::vector<Place*> waiting;
  {
    absl::MutexLock lock(&mutex_);
    RETURN_IF_ERROR(LeaveOut(*place));
    waiting = Advance();
  }
  return Flush(waiting);
}

bool TarQueue::CanLeaveOut(const Place& place) {
  // What follows has an offset already where the size was known.
  return !place.offset.has_value() || place.size_bytes < 0;
}

absl::Status TarQueue::LeaveOut(Place& place) {
  if (!CanLeaveOut(place)) {
    return absl::FailedPreconditionError("write archive: a member is given up too late");
  }
  place.left_out = true;
  place.size_bytes = 0;
  place.finished = true;
  place.written = true;
  return absl::OkStatus();
}

std::unique_ptr<ByteSink> TarQueue::Write(Place* place) {
  return std::make_unique<Sink>(*this, place);
}

void TarQueue::Cancel() {
  absl::MutexLock lock(&mutex_);
  broken_ = true;
}

std::vector<TarQueue::Place*> TarQueue::Advance() {
  std::vector<Place*> waiting;
  for (; placed_ < places_.size(); ++placed_) {
    Place& place = *places_[placed_];
    if (!place.offset.has_value()) {
      place.offset = next_;
      if (place.finished && !place.written) {
        waiting.push_back(&place);
      }
    }
    if (place.size_bytes < 0) {
      break;
    }
    if (!place.left_out) {
      next_ += place.header_bytes + place.size_bytes + TarPadding(place.size_bytes);
    }
  }
  return waiting;
}

absl::StatusOr<int64_t> TarQueue::WaitForOffset(const Place* place) {
  absl::MutexLock lock(&mutex_);
  const auto ready = [this, place]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return broken_ || place->offset.has_value();
  };
  mutex_.Await(absl::Condition(&ready));
  if (broken_) {
    return Cancelled();
  }
  return *place->offset + place->header_bytes;
}

absl::Status TarQueue::Finish(Place* place, const std::string& name, int64_t size_bytes,
                              Kept kept) {
  std::vector<Place*> waiting;
  std::optional<int64_t> offset;
  {
    absl::MutexLock lock(&mutex_);
    if (broken_) {
      return Cancelled();
    }
    if (place->size_bytes >= 0 && place->size_bytes != size_bytes) {
      return MakeError(
          absl::StatusCode::kDataLoss, "CONTENT_MISMATCH",
          absl::StrCat("write archive: got ", size_bytes, " bytes, want ", place->size_bytes));
    }
    place->header = TarFileHeader(name, size_bytes);
    if (static_cast<int64_t>(place->header.size()) != place->header_bytes) {
      return MakeError(absl::StatusCode::kUnimplemented, "MEDIA_TYPE_UNSUPPORTED",
                       absl::StrCat("write archive: member ", name,
                                    " has a digest of another algorithm than it came with"));
    }
    const bool is_there = !names_.insert(name).second;
    if (is_there && CanLeaveOut(*place)) {
      RETURN_IF_ERROR(LeaveOut(*place));
      if (kept.spool.valid()) {
        spools_.push_back(std::move(kept.spool));
      }
      waiting = Advance();
    } else if (place->offset.has_value()) {
      offset = *place->offset;
    } else {
      place->kept = std::move(kept);
      place->size_bytes = size_bytes;
      place->finished = true;
    }
  }
  if (offset.has_value()) {
    RETURN_IF_ERROR(WriteAround(*place, *offset, size_bytes, std::move(kept)));
    absl::MutexLock lock(&mutex_);
    place->size_bytes = size_bytes;
    place->finished = true;
    place->written = true;
    waiting = Advance();
  }
  return Flush(waiting);
}

absl::Status TarQueue::Flush(const std::vector<Place*>& waiting) {
  for (Place* place : waiting) {
    RETURN_IF_ERROR(WriteAround(*place, *place->offset, place->size_bytes, std::move(place->kept)));
    absl::MutexLock lock(&mutex_);
    place->written = true;
  }
  return absl::OkStatus();
}

absl::Status TarQueue::WriteAround(const Place& place, int64_t offset, int64_t size_bytes,
                                   Kept kept) {
  const int64_t content = offset + place.header_bytes;
  RETURN_IF_ERROR(Move(std::move(kept), content));
  RETURN_IF_ERROR(WriteAllAt(fd_, offset, place.header));
  return WriteAllAt(fd_, content + size_bytes,
                    std::string(static_cast<size_t>(TarPadding(size_bytes)), '\0'));
}

absl::Status TarQueue::Move(Kept kept, int64_t offset) {
  if (!kept.spool.valid()) {
    return WriteAllAt(fd_, offset, kept.bytes);
  }
  const auto buffer = std::make_unique_for_overwrite<char[]>(kCopyBufferBytes);
  RandomFile spool(std::move(kept.spool));
  RangeSource source(spool, 0, kept.spooled_bytes);
  while (true) {
    ASSIGN_OR_RETURN(const size_t count,
                     source.Read(absl::MakeSpan(buffer.get(), kCopyBufferBytes)));
    if (count == 0) {
      break;
    }
    RETURN_IF_ERROR(WriteAllAt(fd_, offset, absl::string_view(buffer.get(), count)));
    offset += static_cast<int64_t>(count);
  }
  // The next one writes over it: the disk that it takes is taken once.
  absl::MutexLock lock(&mutex_);
  spools_.push_back(spool.Release());
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> TarQueue::TakeSpool() {
  {
    absl::MutexLock lock(&mutex_);
    if (!spools_.empty()) {
      UniqueFd spool = std::move(spools_.back());
      spools_.pop_back();
      return spool;
    }
    if (spools_made_ >= kMaxSpools) {
      return UniqueFd();
    }
    ++spools_made_;
  }
  return broker_.CreateSpool();
}

absl::StatusOr<int64_t> TarQueue::End() {
  absl::MutexLock lock(&mutex_);
  for (const auto& place : places_) {
    if (!place->written) {
      return absl::FailedPreconditionError("write archive: a member is not finished");
    }
  }
  return next_;
}

}  // namespace holkas
