#ifndef HOLKAS_SERVICE_BROKER_ARCHIVE_WRITER_H_
#define HOLKAS_SERVICE_BROKER_ARCHIVE_WRITER_H_

#include <cstdint>
#include <functional>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "broker/broker.pb.h"
#include "proto/wire/digest.h"
#include "proto/wire/unique_fd.h"
#include "service/broker/cancellation.h"
#include "service/broker/image_writer.h"
#include "service/broker/violation.h"

namespace holkas {

// What the writers of one file have in common: nothing in it is known here, so whatever is about
// blobs or about a list of images breaks the protocol.
class ArchiveWriter : public ImageWriter {
 public:
  absl::StatusOr<UniqueFd> OpenFile(broker::FileKind, const std::optional<Digest>&) override {
    return Violation("an archive that is written has no files to read");
  }
  absl::StatusOr<bool> HasBlob(const Digest&, int64_t, const Cancellation&) override {
    return Violation("an archive that is written has no blobs");
  }
  absl::StatusOr<Digest> HashFile(uint32_t, int64_t, const Cancellation&) override {
    return Violation("an archive has no blobs to hash");
  }
  absl::Status CommitFile(uint32_t, broker::FileKind, const Digest&, int64_t,
                          const Cancellation&) override {
    return Violation("an archive has no blobs to commit");
  }
  absl::Status BeginPublish(std::function<void()>) override {
    return Violation("an archive has no list of images");
  }
  absl::StatusOr<std::optional<PublishStart>> TryLock() override { return std::nullopt; }
  void GiveUpLock() override {}
  bool has_lock() const override { return false; }
  absl::Status RemoveBlob(Digest) override { return Violation("an archive has no list of images"); }
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_BROKER_ARCHIVE_WRITER_H_
