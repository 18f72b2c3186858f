#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/image/media_types.h"
#include "worker/transports/files/file_sink.h"
#include "worker/transports/files/file_source.h"
#include "worker/transports/oci/layout_index.h"
#include "worker/transports/oci/oci.h"

namespace holkas {
namespace {

// How often the list of images is merged again because another tool, one that does not take
// holkasd's lock, wrote it meanwhile.
constexpr int kMaxPublishAttempts = 20;

// Skopeo writes index.json in place: who reads it meanwhile finds a part of it. For so long a list
// that cannot be read counts as one being written.
constexpr int kMaxUnreadable = 10;
constexpr absl::Duration kUnreadablePause = absl::Milliseconds(30);

class OciDestination : public ImageDestination {
 public:
  OciDestination(Broker& broker, std::string name) : broker_(broker), name_(std::move(name)) {}

  LayerForm wanted_layer_form() const override { return LayerForm::kCompressed; }

  bool AcceptsManifestType(absl::string_view media_type) const override {
    return media_type == kOciManifestType || media_type == kOciIndexType;
  }

  absl::StatusOr<Reuse> ReuseBlob(const Descriptor& blob) override {
    ASSIGN_OR_RETURN(bool present, broker_.HasBlob(blob.digest, blob.size_bytes));
    return present ? Reuse::kPresent : Reuse::kAbsent;
  }

  absl::StatusOr<std::unique_ptr<ByteSink>> CreateBlob(const Descriptor& blob) override {
    return FileSink::Create(broker_, broker::FILE_KIND_BLOB, blob.size_bytes);
  }

  absl::Status WriteManifest(const Manifest& manifest, bool /*is_top*/) override {
    return WriteWholeFile(broker_, broker::FILE_KIND_MANIFEST, manifest.bytes(), manifest.digest());
  }

  absl::Status Publish(const Manifest& top) override {
    absl::Status status;
    int unreadable = 0;
    for (int attempt = 0; attempt < kMaxPublishAttempts; ++attempt) {
      status = TryPublish(top);
      if (ErrorReason(status) == "INVALID_MANIFEST" && ++unreadable < kMaxUnreadable) {
        absl::SleepFor(kUnreadablePause);
      } else if (status.code() != absl::StatusCode::kAborted) {
        break;
      }
    }
    return WithContext(status, "write index.json");
  }

 private:
  // Errors, beside others: ABORTED where the list changed since it was read; FAILED_PRECONDITION
  // (INVALID_MANIFEST) where it is no index.
  absl::Status TryPublish(const Manifest& top) {
    ASSIGN_OR_RETURN(Broker::PublishLock lock, broker_.BeginPublish());
    absl::Status written = WriteMerged(lock, top);
    // holkasd publishes nothing that somebody could still write to.
    lock.next.fd.reset();
    if (!written.ok()) {
      // Gives the lock back; where that fails the job's end does.
      (void)broker_.DropFile(lock.next.id);
      return written;
    }
    return broker_.Publish(lock.next.id);
  }

  absl::Status WriteMerged(Broker::PublishLock& lock, const Manifest& top) {
    LayoutIndex index;
    if (lock.current.has_value()) {
      FileSource current(*std::move(lock.current));
      ASSIGN_OR_RETURN(std::string text,
                       ReadWholeFile(current, kMaxLayoutIndexBytes, "index.json"));
      ASSIGN_OR_RETURN(index, LayoutIndex::Parse(text));
    }
    index.Add(top.ToDescriptor(), name_);
    const std::string text = index.Write();
    // Or nobody could read the layout any more.
    if (static_cast<int64_t>(text.size()) > kMaxLayoutIndexBytes) {
      return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                       absl::StrCat("it would have more than ", kMaxLayoutIndexBytes, " bytes"));
    }
    return WriteAll(lock.next.fd.get(), text);
  }

  Broker& broker_;
  // The name to give; empty for none.
  const std::string name_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ImageDestination>> OpenOciDestination(
    const TransportContext& context, const broker::ImageLocation& location) {
  if (location.oci().has_index()) {
    return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_REFERENCE",
                     absl::StrCat("Destination reference must not contain a manifest index @",
                                  location.oci().index()));
  }
  return std::make_unique<OciDestination>(context.broker, location.oci().reference());
}

}  // namespace holkas
