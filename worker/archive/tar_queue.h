#ifndef HOLKAS_WORKER_ARCHIVE_TAR_QUEUE_H_
#define HOLKAS_WORKER_ARCHIVE_TAR_QUEUE_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "proto/wire/digest.h"
#include "proto/wire/unique_fd.h"
#include "worker/blob/byte_sink.h"
#include "worker/broker/broker.h"

namespace holkas {

// Large members of a tar archive that several threads write at once, in the order in which they
// were given their places. Where a member begins is known when all before it have a known size:
// from then on it is written into the archive itself, at its place. Until then what comes of it is
// kept, in memory or in a file of CreateSpool, so that a layer whose size only its decompression
// tells does not stop those behind it. A size can be guessed: those behind it then get places at
// once, and where the guess was wrong, End moves them to where they belong. Thread-safe.
class TarQueue {
 public:
  // The place of a member.
  class Place;

  // Gives a finished member its name.
  using NameOf = std::function<std::string(const Digest& digest)>;

  // Members begin at `offset` of the file `fd`, which can be read, too; both and the broker outlive
  // the queue.
  TarQueue(int fd, int64_t offset, Broker& broker);
  ~TarQueue();

  // The place behind all places that were given, for a member that is expected to have `digest`
  // and that `name_of` will name. `size_bytes` -1: not known.
  Place* Reserve(const Digest& digest, int64_t size_bytes, NameOf name_of);
  // Tells the size of a member before it is written.
  absl::Status SetSize(Place* place, int64_t size_bytes);
  // Tells the size that it is likely to have, before it is written.
  absl::Status GuessSize(Place* place, int64_t size_bytes);
  // Gives up a place that nothing was written to.
  absl::Status Skip(Place* place);

  // Writes the content of `place`, once. The sink does not verify, and is destroyed before the
  // queue. A member that turns out to have the name of another is left out: names are digests, so
  // it is the same twice.
  // Append and Finish may wait for members before it.
  // Errors of the sink: those of the files and of CreateSpool; CANCELLED after Cancel, and where a
  // sink was destroyed without Finish; DATA_LOSS (CONTENT_MISMATCH) for another size than was told.
  std::unique_ptr<ByteSink> Write(Place* place);

  // Ends all waiting: a member will not come.
  void Cancel();

  // Puts every member where it belongs, which takes long where guesses were wrong. Result: where
  // the archive goes on behind them; the file may be longer. Errors: those of the file;
  // FAILED_PRECONDITION where a member is not finished.
  absl::StatusOr<int64_t> End();

 private:
  class Sink;

  // Content that has no place in the archive yet: in memory, or in a file where it is much.
  struct Kept {
    std::string bytes;
    UniqueFd spool;
    int64_t spooled_bytes = 0;
  };

  // What did not fit into the room of a member whose size was guessed, in `overflow_`.
  struct Piece {
    int64_t offset = 0;
    int64_t size_bytes = 0;
  };

  // Gives offsets to the places that can have one. Result: those that are finished, but whose
  // content is still elsewhere; the caller moves it.
  std::vector<Place*> Advance() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Waits until `place` has an offset, and gives it.
  absl::StatusOr<int64_t> WaitForOffset(const Place* place);
  // Ends the content of a place, which `kept` still has where it has no offset, and moves what only
  // waited for it.
  absl::Status Finish(Place* place, const std::string& name, int64_t size_bytes, Kept kept);
  // Writes what is kept of a place, its header and, where all content is there, the padding.
  absl::Status WriteAround(Place& place, int64_t offset, int64_t size_bytes, Kept kept);
  // The same for all of `waiting`.
  absl::Status Flush(const std::vector<Place*>& waiting);
  // Writes what is kept of a member that begins at `offset`.
  absl::Status Move(Place& place, Kept kept, int64_t offset);
  // Writes bytes of the content of a member that begins at `offset`, from the byte `at` on: into
  // its room, and what is too much for that into `overflow_`.
  absl::Status WriteContent(Place& place, int64_t offset, int64_t at, absl::string_view data);
  absl::Status Spill(Place& place, absl::string_view data);
  bool HasOverflow();
  static void LeaveOut(Place& place);
  // Moves the members that are not where they belong, and completes those that had not enough room.
  absl::Status Settle() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status MoveTo(Place& place);
  absl::Status Complete(const Place& place) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // A file for content that has no place yet; nothing where there are enough.
  absl::StatusOr<UniqueFd> TakeSpool();

  const int fd_;
  const int64_t begin_;
  Broker& broker_;
  absl::Mutex mutex_;
  std::deque<std::unique_ptr<Place>> places_ ABSL_GUARDED_BY(mutex_);
  // How many of the places have an offset, and where the next one begins.
  size_t placed_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t next_ ABSL_GUARDED_BY(mutex_);
  bool broken_ ABSL_GUARDED_BY(mutex_) = false;
  // Of finished members.
  std::set<std::string> names_ ABSL_GUARDED_BY(mutex_);
  // Spools that nobody uses.
  std::vector<UniqueFd> spools_ ABSL_GUARDED_BY(mutex_);
  int spools_made_ ABSL_GUARDED_BY(mutex_) = 0;
  // Of Spill: one file for all members.
  UniqueFd overflow_ ABSL_GUARDED_BY(mutex_);
  int64_t overflow_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_ARCHIVE_TAR_QUEUE_H_
