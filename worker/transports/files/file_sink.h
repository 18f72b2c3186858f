#ifndef HOLKAS_WORKER_TRANSPORTS_FILES_FILE_SINK_H_
#define HOLKAS_WORKER_TRANSPORTS_FILES_FILE_SINK_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/wire/digest.h"
#include "worker/blob/byte_sink.h"
#include "worker/broker/broker.h"

namespace holkas {

// A file on its way to a destination that keeps images in files: unnamed until Finish, which asks
// holkasd to verify and name it. Destroyed before, it is forgotten there.
class FileSink : public ByteSink {
 public:
  // `size_bytes` -1: not known. `broker` outlives the sink.
  static absl::StatusOr<std::unique_ptr<FileSink>> Create(Broker& broker, broker::FileKind kind,
                                                          int64_t size_bytes);
  ~FileSink() override;

  FileSink(const FileSink&) = delete;
  FileSink& operator=(const FileSink&) = delete;

  absl::Status Append(absl::string_view data) override;
  absl::Status Finish(const Digest& digest, int64_t size_bytes) override;
  absl::StatusOr<Digest> FinishUnknown(int64_t size_bytes) override;
  bool FindsDigest() const override { return true; }
  // holkasd reads the whole file back before it names it.
  bool VerifiesContent() const override { return true; }

 private:
  FileSink(Broker& broker, broker::FileKind kind, Broker::NewFile file);

  Broker& broker_;
  const broker::FileKind kind_;
  Broker::NewFile file_;
  bool committing_ = false;
};

// Writes `bytes` as one file with the digest.
absl::Status WriteWholeFile(Broker& broker, broker::FileKind kind, absl::string_view bytes,
                            const Digest& digest);

// Writes all of `data` to `fd`.
absl::Status WriteAll(int fd, absl::string_view data);

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_FILES_FILE_SINK_H_
