#ifndef HOLKAS_WORKER_ARCHIVE_ARCHIVE_FILE_H_
#define HOLKAS_WORKER_ARCHIVE_ARCHIVE_FILE_H_

#include <map>
#include <memory>
#include <optional>
#include <set>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "proto/wire/digest.h"
#include "worker/archive/tar_queue.h"
#include "worker/archive/tar_writer.h"
#include "worker/blob/byte_sink.h"
#include "worker/broker/broker.h"
#include "worker/image/descriptor.h"

namespace holkas {

// An archive on its way to a destination: blobs first, manifests among them, then small members,
// then Publish. Until then the destination is as it was; destroyed before, the archive is forgotten
// there. Expect belongs to the copy's thread, End, Guess, Has, Write and Cancel are thread-safe,
// the rest follows when all blobs are there.
class ArchiveFile {
 public:
  // `broker` outlives the file.
  static absl::StatusOr<std::unique_ptr<ArchiveFile>> Create(Broker& broker);
  ~ArchiveFile();

  // Gives the blob the next place in the archive. `name_of`: as TarQueue has it.
  void Expect(const Descriptor& blob, TarQueue::NameOf name_of);
  // Gives up the place, where nothing was written there.
  absl::Status End(const Digest& digest);
  // Tells how large the blob is likely to become, before Write.
  absl::Status Guess(const Digest& digest, int64_t size_bytes);
  // Whether the blob is written.
  bool Has(const Digest& digest) const;
  // Begins to write a blob, at its place, or behind all others where it has none. `blob`: as
  // ImageDestination::CreateBlob has it. Not after EndBlobs.
  absl::StatusOr<std::unique_ptr<ByteSink>> Write(const Descriptor& blob, TarQueue::NameOf name_of);
  // Ends what waits for a blob that will not come.
  void Cancel() { queue_.Cancel(); }

  // What writes the members behind the blobs, which are all finished. It belongs to the file.
  // Errors: FAILED_PRECONDITION where one is not.
  absl::StatusOr<TarWriter*> EndBlobs();

  // Ends the archive, and makes it the destination's.
  absl::Status Publish();

 private:
  class Sink;

  // The place that the blob was given and that nobody writes to; null for none.
  TarQueue::Place* TakePlace(const Digest& digest);

  ArchiveFile(Broker& broker, Broker::NewFile file);

  Broker& broker_;
  Broker::NewFile file_;
  TarQueue queue_;
  std::optional<TarWriter> writer_;
  bool publishing_ = false;
  mutable absl::Mutex mutex_;
  // Places that nobody writes to yet.
  std::map<Digest, TarQueue::Place*> expected_ ABSL_GUARDED_BY(mutex_);
  std::set<Digest> written_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_ARCHIVE_ARCHIVE_FILE_H_
