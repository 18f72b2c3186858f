#ifndef HOLKAS_WORKER_TRANSPORTS_DOCKER_DAEMON_ARCHIVE_UPLOAD_H_
#define HOLKAS_WORKER_TRANSPORTS_DOCKER_DAEMON_ARCHIVE_UPLOAD_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "worker/blob/byte_sink.h"
#include "worker/transports/docker_daemon/engine_client.h"

namespace holkas {

// A tar archive that is sent to a daemon while it is made: one member after the other, each of a
// size that is known before. Begins to send with the first member. Thread-safe; who wants to write
// a member waits until the one before is finished, or fails with it.
//
// Errors everywhere: those of ImageLoad; CANCELLED after a member that was not finished.
class ArchiveUpload {
 public:
  // `client` outlives the upload.
  explicit ArchiveUpload(const EngineClient& client) : client_(client) {}

  // Begins a member. The sink does not verify, and is destroyed before the upload. Its Finish gives
  // DATA_LOSS (CONTENT_MISMATCH) for another size.
  absl::StatusOr<std::unique_ptr<ByteSink>> Begin(const std::string& name, int64_t size_bytes);

  // A whole member.
  absl::Status Add(const std::string& name, absl::string_view content);

  // Ends the archive and waits until the daemon has loaded it.
  absl::Status Finish();

 private:
  class Sink;

  // Waits for its turn.
  absl::Status Take();
  void Release(bool finished);
  absl::Status Send(absl::string_view data);

  const EngineClient& client_;
  absl::Mutex mutex_;
  bool taken_ ABSL_GUARDED_BY(mutex_) = false;
  bool broken_ ABSL_GUARDED_BY(mutex_) = false;
  // Belongs to who has taken the upload.
  std::unique_ptr<ImageLoad> load_;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_DOCKER_DAEMON_ARCHIVE_UPLOAD_H_
