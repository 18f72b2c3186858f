#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "service/broker/archive_writer.h"
#include "service/broker/image_writer.h"
#include "service/broker/violation.h"
#include "service/spool/spooled_archive.h"

namespace holkas {
namespace {

class SpoolWriter : public ArchiveWriter {
 public:
  explicit SpoolWriter(SpooledArchive& archive) : archive_(archive) {}

  absl::Status Check() override { return absl::OkStatus(); }
  absl::StatusOr<CreatedFile> CreateFile(int64_t /*size_bytes*/) override {
    absl::MutexLock lock(&mutex_);
    if (is_written_) {
      return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                       "archives being written at once: more than 1");
    }
    ASSIGN_OR_RETURN(UniqueFd file, archive_.OpenToWrite());
    is_written_ = true;
    return CreatedFile{++last_id_, std::move(file)};
  }
  absl::Status DropFile(uint32_t id) override {
    absl::MutexLock lock(&mutex_);
    if (id == 0 || id > last_id_) {
      return Violation("a file is dropped that never was");
    }
    if (id == last_id_) {
      is_written_ = false;
    }
    return absl::OkStatus();
  }
  absl::Status Publish(uint32_t file_id, const Cancellation& /*cancellation*/) override {
    absl::MutexLock lock(&mutex_);
    if (!is_written_ || file_id != last_id_) {
      return Violation("a file is published that is not being written");
    }
    is_written_ = false;
    return absl::OkStatus();
  }

 private:
  SpooledArchive& archive_;
  absl::Mutex mutex_;
  uint32_t last_id_ ABSL_GUARDED_BY(mutex_) = 0;
  // Whether a worker writes the file of that number.
  bool is_written_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace

std::unique_ptr<ImageWriter> NewSpoolWriter(SpooledArchive& archive) {
  return std::make_unique<SpoolWriter>(archive);
}

}  // namespace holkas
