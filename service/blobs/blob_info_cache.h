#ifndef HOLKAS_SERVICE_BLOBS_BLOB_INFO_CACHE_H_
#define HOLKAS_SERVICE_BLOBS_BLOB_INFO_CACHE_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "broker/broker.pb.h"
#include "proto/wire/digest.h"
#include "service/blobs/sqlite_database.h"

namespace holkas {

// Blobs as earlier jobs found them, in a file of SQLite's: which have the same content in other
// forms, and in which repositories they were. Everything belongs to the user who called, and no
// other sees it: what it has is the word of workers, any of which may have been taken over by the
// image that it read. Nothing of it is more than a hint.
//
// It never fails a job. A file that is broken, locked, full, read-only or of a newer version is
// told of once and left alone for kRest at a time; meanwhile nothing is known. Servers may share a
// file. Thread-safe; calls block while another process writes, for kPatience at most.
class BlobInfoCache {
 public:
  // How long a lock is waited for, and how long a file that failed is left alone.
  static constexpr absl::Duration kPatience = absl::Seconds(2);
  static constexpr absl::Duration kRest = absl::Minutes(1);
  // What was not seen again for so long is forgotten.
  static constexpr absl::Duration kMaxAge = absl::Hours(90 * 24);
  // Beyond these, the oldest are forgotten: of one user; of one content.
  static constexpr int64_t kMaxBlobs = 50'000;
  static constexpr int64_t kMaxPlaces = 100'000;
  static constexpr int64_t kMaxForms = 16;
  // The file takes nothing more beyond so many pages of 4 KiB.
  static constexpr int64_t kMaxPages = 65'536;
  // What FindTwins gives at most.
  static constexpr int64_t kMaxTwins = 8;

  // Gets a line for the log. Any thread; must not block.
  using Warn = std::function<void(const std::string& why)>;

  struct Form {
    Digest digest;
    int64_t size_bytes = 0;
    broker::BlobCompression compression = broker::BLOB_COMPRESSION_UNSPECIFIED;
  };
  struct Twins {
    broker::BlobCompression compression = broker::BLOB_COMPRESSION_UNSPECIFIED;
    std::vector<Form> forms;
  };
  // That a blob is in a repository.
  struct Place {
    std::string registry;
    std::string repository;
    Digest digest;
  };
  // What one job found out. Both of a pair have the same content.
  struct Findings {
    std::vector<std::pair<Form, Form>> twins;
    std::vector<Place> places;

    bool empty() const { return twins.empty() && places.empty(); }
  };

  // `path`: of a file that may be missing, as may its directories. Opens nothing yet.
  BlobInfoCache(std::string path, Warn warn, std::function<absl::Time()> now = absl::Now);
  ~BlobInfoCache();

  // The other forms of a blob, the newest first, and its own compression.
  Twins FindTwins(uid_t user, const Digest& digest) ABSL_LOCKS_EXCLUDED(mutex_);

  // Repositories of `registry` that had the blob, the newest first, `most` of them.
  std::vector<std::string> FindRepositories(uid_t user, const std::string& registry,
                                            const Digest& digest, int64_t most)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Keeps what a job found out. A blob that is said to have two contents, sizes or compressions is
  // forgotten with all that was said of its content: one of those who said so lied.
  void Keep(uid_t user, const Findings& findings) ABSL_LOCKS_EXCLUDED(mutex_);

  // Forgets that a blob is in some repositories.
  void Forget(uid_t user, const std::vector<Place>& places) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // The open file; null while it is left alone.
  SqliteDatabase* Database() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Open() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Does `work` where there is a file, and leaves the file alone where that fails.
  void With(const std::function<absl::Status(SqliteDatabase& database)>& work)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void LeaveAlone(const absl::Status& why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string path_;
  const Warn warn_;
  const std::function<absl::Time()> now_;
  absl::Mutex mutex_;
  std::unique_ptr<SqliteDatabase> database_ ABSL_GUARDED_BY(mutex_);
  absl::Time rests_until_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  bool warned_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_BLOBS_BLOB_INFO_CACHE_H_
