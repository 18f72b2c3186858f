#ifndef HOLKAS_WORKER_JOBS_COPY_FAKES_H_
#define HOLKAS_WORKER_JOBS_COPY_FAKES_H_

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "holkas/v1/image_service.pb.h"
#include "proto/wire/digest.h"
#include "worker/blob/byte_source.h"
#include "worker/broker/fake_broker.h"
#include "worker/image/manifest.h"
#include "worker/transports/image_destination.h"
#include "worker/transports/image_source.h"

// Places that images are copied between in tests of the copy job: they keep everything in memory
// and behave as the real ones must.

namespace holkas {

// Makes the JSON of manifests for tests.
Descriptor DescriptorOf(absl::string_view media_type, absl::string_view content);
std::string DescriptorJson(const Descriptor& descriptor, absl::string_view more = "");
std::string OciManifestJson(const Descriptor& config, const std::vector<Descriptor>& layers);
// `platforms` are `os/architecture`, one for each image.
std::string OciIndexJson(const std::vector<Descriptor>& images,
                         const std::vector<std::string>& platforms);

// A source that has what was put into it.
class FakeSource : public ImageSource {
 public:
  // Adds a layer, a configuration or an image, and gives what a manifest says of it.
  Descriptor AddBlob(absl::string_view media_type, const std::string& content);
  Descriptor AddManifest(absl::string_view media_type, const std::string& json);
  // An OCI image with these layers.
  Descriptor AddImage(const std::vector<std::string>& layers, const std::string& config);
  void SetTop(const Descriptor& top) { top_ = top.digest; }
  // Serves `content` under a digest that is another's.
  void Replace(const Digest& digest, const std::string& content) { blobs_[digest] = content; }

  // What ReadingOrder gives.
  std::vector<Digest> order;
  // What FindCompressedTwin gives.
  std::map<Digest, CompressedTwin> twins;
  // Called with each blob that is opened, on the opening thread; an error is what OpenBlob gives.
  std::function<absl::Status(const Digest& digest)> on_open;
  // Called before each read of a blob.
  std::function<absl::Status(const Digest& digest)> on_read;
  // The digests of the blobs opened, in order.
  std::vector<Digest> opened() const;

  absl::StatusOr<RawManifest> ReadManifest(const std::optional<Digest>& instance) override;
  absl::StatusOr<std::unique_ptr<ByteSource>> OpenBlob(const Descriptor& blob) override;
  std::string ReadBlobEnd(const Descriptor& blob, size_t count) override;
  std::vector<Digest> ReadingOrder() const override { return order; }
  std::optional<CompressedTwin> FindCompressedTwin(const Descriptor& blob) const override {
    const auto found = twins.find(blob.digest);
    return found == twins.end() ? std::nullopt : std::optional(found->second);
  }

 private:
  std::map<Digest, std::string> blobs_;
  std::map<Digest, RawManifest> manifests_;
  std::optional<Digest> top_;
  mutable absl::Mutex mutex_;
  std::vector<Digest> opened_ ABSL_GUARDED_BY(mutex_);
};

// A destination that keeps what comes, and a log of it.
class FakeDestination : public ImageDestination {
 public:
  // What ReuseBlob finds.
  std::set<Digest> present;
  std::set<Digest> mountable;
  // Which layers it wants, and whether its name is a digest.
  LayerForm layer_form = LayerForm::kAsTheyAre;
  bool has_digest_name = false;
  // What writes_in_turn gives.
  bool in_turn = false;
  // What AcceptsManifestType refuses.
  std::set<std::string> refused_types;
  // Whether the sinks verify.
  bool verifies = false;
  // What embedded_name gives.
  std::optional<EmbeddedName> name;
  // Called with each manifest to be published; an error is what Publish gives.
  std::function<absl::Status(const Manifest& top)> on_publish;
  // Whether sizes are guessed for it, and what it was told.
  bool uses_sizes = false;
  std::map<Digest, int64_t> guessed;
  // How often each sink's Finish fails so that Rewind helps.
  int losses = 0;

  // One line for each blob finished (`blob DIGEST`), manifest (`manifest DIGEST`, `top DIGEST`)
  // and publication (`publish DIGEST`).
  std::vector<std::string> log() const;
  // One line for each CreateBlob (`create DIGEST`) and EndBlob (`end DIGEST`).
  std::vector<std::string> turns() const;
  std::map<Digest, std::string> blobs() const;
  // The manifest that Publish named.
  const Manifest& published() const { return *published_; }
  // How many sinks were destroyed without Finish.
  int abandoned() const;
  // How many sinks were open at once at most.
  int most_open() const;

  LayerForm wanted_layer_form() const override { return layer_form; }
  void NoteSource(const Manifest& top) override { source_top_ = top; }
  // What NoteSource was told.
  const std::optional<Manifest>& source_top() const { return source_top_; }
  bool names_digest() const override { return has_digest_name; }
  bool writes_in_turn() const override { return in_turn; }
  bool uses_guessed_sizes() const override { return uses_sizes; }
  absl::Status GuessBlobSize(const Descriptor& blob, int64_t size_bytes) override;
  std::optional<EmbeddedName> embedded_name() const override { return name; }
  bool AcceptsManifestType(absl::string_view media_type) const override;
  absl::StatusOr<Reuse> ReuseBlob(const Descriptor& blob) override;
  absl::Status EndBlob(const Descriptor& blob) override;
  absl::StatusOr<std::unique_ptr<ByteSink>> CreateBlob(const Descriptor& blob) override;
  absl::Status WriteManifest(const Manifest& manifest, bool is_top) override;
  absl::Status Publish(const Manifest& top) override;

 private:
  class Sink;
  mutable absl::Mutex mutex_;
  std::vector<std::string> log_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> turns_ ABSL_GUARDED_BY(mutex_);
  std::map<Digest, std::string> blobs_ ABSL_GUARDED_BY(mutex_);
  int open_ ABSL_GUARDED_BY(mutex_) = 0;
  int most_open_ ABSL_GUARDED_BY(mutex_) = 0;
  int abandoned_ ABSL_GUARDED_BY(mutex_) = 0;
  std::optional<Manifest> published_;
  std::optional<Manifest> source_top_;
};

// A broker without files that keeps the events.
class EventBroker : public FakeBroker {
 public:
  EventBroker() : FakeBroker({}, {}) {}

  // Called with each event; an error is what SendEvent gives.
  std::function<absl::Status(const v1::CopyResponse& event)> on_event;
  // What the last event says of the copy.
  v1::CopyResult result() const;
  // Whether nobody waits for the job any more.
  std::atomic<bool> cancelled = false;
  bool Cancelled() override { return cancelled; }

  absl::Status SendEvent(const v1::CopyResponse& event) override;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_JOBS_COPY_FAKES_H_
