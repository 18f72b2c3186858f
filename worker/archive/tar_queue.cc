#include "worker/archive/tar_queue.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/archive/move_range.h"
#include "worker/archive/random_file.h"
#include "worker/archive/tar_header.h"
#include "worker/archive/tar_writer.h"
#include "worker/blob/copy_bytes.h"

namespace holkas {
namespace {

// Content that has no place yet is in memory up to here: many layers and all configurations.
constexpr size_t kMaxHeldBytes = 256 << 10;
// ...and then in one of so many files, none larger than this. Beyond, its thread waits. What has no
// room where a size was guessed is in a file of its own, with the bound of all files of the job.
constexpr int kMaxSpools = 16;
constexpr int64_t kMaxSpooledBytes = int64_t{2} << 30;
constexpr int64_t kNoBound = std::numeric_limits<int64_t>::max();

absl::Status Cancelled() { return absl::CancelledError("write archive: another member failed"); }

}  // namespace

class TarQueue::Place {
 public:
  Place(const Digest& digest, int64_t size_bytes, NameOf name_of)
      : name_of(std::move(name_of)),
        header_bytes(static_cast<int64_t>(TarFileHeader(this->name_of(digest), 0).size())),
        size_bytes(size_bytes) {}

  // What a member with so much content takes.
  int64_t Bytes(int64_t content_bytes) const {
    return header_bytes + content_bytes + TarPadding(content_bytes);
  }

  const NameOf name_of;
  const int64_t header_bytes;
  // All that follows is guarded by the queue's mutex, but for `room_bytes` and `spilled`, and after
  // `finished` nobody's but the one who moves what is kept.
  int64_t size_bytes;
  int64_t guessed_bytes = -1;
  // Of the header.
  std::optional<int64_t> offset;
  // How much content has room at the offset; set with it, or before anything is written. Its writer
  // reads it when it has seen the offset.
  int64_t room_bytes = kNoBound;
  // The content that has none, in its order. Its writer's until `finished`.
  std::vector<Piece> spilled;
  bool left_out = false;
  // Where the header is in the end.
  int64_t belongs_at = 0;
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
      RETURN_IF_ERROR(queue_.WriteContent(*place_, *offset_, written_bytes_, data));
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
    return header_offset.has_value() ? HaveOffset(*header_offset) : absl::OkStatus();
  }

  absl::Status HaveOffset(int64_t offset) {
    offset_ = offset;
    return queue_.Move(*place_, std::exchange(kept_, {}), offset);
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
      return queue_.WriteContent(*place_, *offset_, written_bytes_, data);
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
  // Of the header, once it is known.
  std::optional<int64_t> offset_;
  Kept kept_;
  int64_t written_bytes_ = 0;
  bool finished_ = false;
};

TarQueue::TarQueue(int fd, int64_t offset, Broker& broker)
    : fd_(fd), begin_(offset), broker_(broker), next_(offset) {}

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

absl::Status TarQueue::GuessSize(Place* place, int64_t size_bytes) {
  std::vector<Place*> waiting;
  {
    absl::MutexLock lock(&mutex_);
    place->guessed_bytes = size_bytes;
    waiting = Advance();
  }
  return Flush(waiting);
}

absl::Status TarQueue::Skip(Place* place) {
  std::vector<Place*> waiting;
  {
    absl::MutexLock lock(&mutex_);
    LeaveOut(*place);
    waiting = Advance();
  }
  return Flush(waiting);
}

void TarQueue::LeaveOut(Place& place) {
  place.left_out = true;
  place.size_bytes = 0;
  place.finished = true;
  place.written = true;
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
    const int64_t room_bytes = place.size_bytes >= 0 ? place.size_bytes : place.guessed_bytes;
    if (room_bytes < 0) {
      break;
    }
    if (!place.left_out) {
      place.room_bytes = room_bytes;
      next_ += place.Bytes(room_bytes);
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
  return *place->offset;
}

absl::Status TarQueue::Finish(Place* place, const std::string& name, int64_t size_bytes,
                              Kept kept) {
  std::vector<Place*> waiting;
  // Of a place that has one already, and what goes there now.
  std::optional<int64_t> offset;
  Kept to_move;
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
    if (!names_.insert(name).second) {
      LeaveOut(*place);
      if (kept.spool.valid()) {
        spools_.push_back(std::move(kept.spool));
      }
      waiting = Advance();
    } else if (place->offset.has_value()) {
      offset = *place->offset;
      to_move = std::move(kept);
    } else {
      place->kept = std::move(kept);
      place->size_bytes = size_bytes;
      place->finished = true;
    }
  }
  if (offset.has_value()) {
    RETURN_IF_ERROR(WriteAround(*place, *offset, size_bytes, std::move(to_move)));
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

absl::Status TarQueue::WriteAround(Place& place, int64_t offset, int64_t size_bytes, Kept kept) {
  RETURN_IF_ERROR(Move(place, std::move(kept), offset));
  RETURN_IF_ERROR(WriteAllAt(fd_, offset, place.header));
  if (size_bytes > place.room_bytes) {
    return absl::OkStatus();  // End completes it
  }
  return WriteAllAt(fd_, offset + place.header_bytes + size_bytes,
                    std::string(static_cast<size_t>(TarPadding(size_bytes)), '\0'));
}

absl::Status TarQueue::Move(Place& place, Kept kept, int64_t offset) {
  if (!kept.spool.valid()) {
    return WriteContent(place, offset, 0, kept.bytes);
  }
  const auto buffer = std::make_unique_for_overwrite<char[]>(kCopyBufferBytes);
  RandomFile spool(std::move(kept.spool));
  RangeSource source(spool, 0, kept.spooled_bytes);
  for (int64_t at = 0; at < kept.spooled_bytes;) {
    ASSIGN_OR_RETURN(const size_t count,
                     source.Read(absl::MakeSpan(buffer.get(), kCopyBufferBytes)));
    RETURN_IF_ERROR(WriteContent(place, offset, at, absl::string_view(buffer.get(), count)));
    at += static_cast<int64_t>(count);
  }
  // The next one writes over it: the disk that it takes is taken once.
  absl::MutexLock lock(&mutex_);
  spools_.push_back(spool.Release());
  return absl::OkStatus();
}

absl::Status TarQueue::WriteContent(Place& place, int64_t offset, int64_t at,
                                    absl::string_view data) {
  const size_t fits = static_cast<size_t>(
      std::clamp<int64_t>(place.room_bytes - at, 0, static_cast<int64_t>(data.size())));
  RETURN_IF_ERROR(WriteAllAt(fd_, offset + place.header_bytes + at, data.substr(0, fits)));
  data.remove_prefix(fits);
  return data.empty() ? absl::OkStatus() : Spill(place, data);
}

bool TarQueue::HasOverflow() {
  absl::MutexLock lock(&mutex_);
  return overflow_.valid();
}

absl::Status TarQueue::Spill(Place& place, absl::string_view data) {
  Piece piece{0, static_cast<int64_t>(data.size())};
  UniqueFd made;
  if (!HasOverflow()) {
    ASSIGN_OR_RETURN(made, broker_.CreateSpool());
  }
  int fd = -1;
  {
    absl::MutexLock lock(&mutex_);
    if (!overflow_.valid()) {
      overflow_ = std::move(made);
    }
    fd = overflow_.get();
    piece.offset = std::exchange(overflow_bytes_, overflow_bytes_ + piece.size_bytes);
  }
  if (!place.spilled.empty() &&
      place.spilled.back().offset + place.spilled.back().size_bytes == piece.offset) {
    place.spilled.back().size_bytes += piece.size_bytes;
  } else {
    place.spilled.push_back(piece);
  }
  return WriteAllAt(fd, piece.offset, data);
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
  int64_t end = begin_;
  for (const auto& place : places_) {
    if (!place->written) {
      return absl::FailedPreconditionError("write archive: a member is not finished");
    }
    place->belongs_at = end;
    if (!place->left_out) {
      end += place->Bytes(place->size_bytes);
    }
  }
  RETURN_IF_ERROR(Settle());
  return end;
}

absl::Status TarQueue::Settle() {
  // Those that move up, from the last one on, end before all that was not moved yet; then those
  // that move down, from the first one on, begin behind all that was.
  for (auto place = places_.rbegin(); place != places_.rend(); ++place) {
    if (!(*place)->left_out && (*place)->belongs_at > *(*place)->offset) {
      RETURN_IF_ERROR(MoveTo(**place));
    }
  }
  for (const auto& place : places_) {
    if (!place->left_out && place->belongs_at < *place->offset) {
      RETURN_IF_ERROR(MoveTo(*place));
    }
  }
  for (const auto& place : places_) {
    if (!place->spilled.empty() && !place->left_out) {
      RETURN_IF_ERROR(Complete(*place));
    }
  }
  return absl::OkStatus();
}

absl::Status TarQueue::MoveTo(Place& place) {
  const int64_t in_place = place.size_bytes > place.room_bytes
                               ? place.header_bytes + place.room_bytes
                               : place.Bytes(place.size_bytes);
  RETURN_IF_ERROR(MoveRange({fd_, *place.offset}, {fd_, place.belongs_at}, in_place));
  place.offset = place.belongs_at;
  return absl::OkStatus();
}

absl::Status TarQueue::Complete(const Place& place) {
  int64_t offset = place.belongs_at + place.header_bytes + place.room_bytes;
  for (const Piece& piece : place.spilled) {
    RETURN_IF_ERROR(MoveRange({overflow_.get(), piece.offset}, {fd_, offset}, piece.size_bytes));
    offset += piece.size_bytes;
  }
  return WriteAllAt(fd_, offset,
                    std::string(static_cast<size_t>(TarPadding(place.size_bytes)), '\0'));
}

}  // namespace holkas
