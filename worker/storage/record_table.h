#ifndef HOLKAS_WORKER_STORAGE_RECORD_TABLE_H_
#define HOLKAS_WORKER_STORAGE_RECORD_TABLE_H_

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "worker/image/json_value.h"
#include "worker/storage/directory.h"
#include "worker/storage/lock_file.h"

namespace holkas {

// A store's list of layers, images or containers never has more bytes.
inline constexpr int64_t kMaxRecordBytes = 64 << 20;

// One list of a store, `<directory>/<name>.json`, while `<directory>/<name>.lock` is held: from
// Open to the destruction nobody else changes it.
class RecordTable {
 public:
  // Waits for the lock and reads the list. A list that is not there is empty; with kWrite the
  // directory must be there.
  // Errors: FAILED_PRECONDITION for a malformed list.
  static absl::StatusOr<RecordTable> Open(const Directory& graph_root, absl::string_view directory,
                                          absl::string_view name, LockFile::Mode mode);

  // The records in the list's order, with all members that whoever wrote them gave them.
  JsonArray& records() { return records_; }
  const JsonArray& records() const { return records_; }

  // The directory of the list, where what belongs to the records is kept.
  const Directory& directory() const { return directory_; }

  // Writes the list. Only with kWrite.
  absl::Status Save() const;

 private:
  RecordTable(Directory directory, std::string name, LockFile lock, JsonArray records)
      : directory_(std::move(directory)),
        name_(std::move(name)),
        lock_(std::move(lock)),
        records_(std::move(records)) {}

  Directory directory_;
  std::string name_;
  LockFile lock_;
  JsonArray records_;
};

// The records of a file that no lock of its own guards; none where it is not there.
absl::StatusOr<JsonArray> ReadRecords(const Directory& directory, absl::string_view path);

}  // namespace holkas

#endif  // HOLKAS_WORKER_STORAGE_RECORD_TABLE_H_
