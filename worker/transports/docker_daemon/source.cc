#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/archive/streamed_archive.h"
#include "worker/transports/docker_archive/docker_archive.h"
#include "worker/transports/docker_daemon/docker_daemon.h"
#include "worker/transports/docker_daemon/engine_client.h"

namespace holkas {
namespace {

constexpr absl::string_view kContext = "loading image from docker engine";

// A daemon that fails while it sends ends the archive with a message.
absl::Status Explain(absl::string_view last_bytes) {
  return absl::StartsWith(last_bytes, "{\"") ? CheckEngineMessages(last_bytes) : absl::OkStatus();
}

// Tells of errors whose they are.
class ContextSource : public ByteSource {
 public:
  explicit ContextSource(std::unique_ptr<ByteSource> source) : source_(std::move(source)) {}

  absl::StatusOr<size_t> Read(absl::Span<char> buffer) override {
    absl::StatusOr<size_t> count = source_->Read(buffer);
    RETURN_IF_ERROR(WithContext(count.status(), kContext));
    return count;
  }

 private:
  const std::unique_ptr<ByteSource> source_;
};

// Owns the connection to the daemon for as long as the image is read.
class DockerDaemonSource : public ImageSource {
 public:
  DockerDaemonSource(std::unique_ptr<EngineClient> client, std::unique_ptr<ImageSource> image)
      : client_(std::move(client)), image_(std::move(image)) {}

  absl::StatusOr<RawManifest> ReadManifest(const std::optional<Digest>& instance) override {
    return image_->ReadManifest(instance);
  }
  absl::StatusOr<std::unique_ptr<ByteSource>> OpenBlob(const Descriptor& blob) override {
    absl::StatusOr<std::unique_ptr<ByteSource>> source = image_->OpenBlob(blob);
    RETURN_IF_ERROR(WithContext(source.status(), kContext));
    return std::make_unique<ContextSource>(*std::move(source));
  }
  std::vector<Digest> ReadingOrder() const override { return image_->ReadingOrder(); }

 private:
  const std::unique_ptr<EngineClient> client_;
  const std::unique_ptr<ImageSource> image_;
};

absl::StatusOr<std::unique_ptr<ImageSource>> Open(const TransportContext& context,
                                                  const broker::DockerDaemonImage& image) {
  ASSIGN_OR_RETURN(
      std::unique_ptr<EngineClient> client,
      EngineClient::New({context.broker, broker::PLACE_SOURCE, image, context.job.user_agent()}));
  ASSIGN_OR_RETURN(
      std::unique_ptr<StreamedArchive> archive,
      StreamedArchive::Open({[&client = *client] { return client.SaveImage(); }, Explain}));
  // One image was asked for, by whatever name.
  ASSIGN_OR_RETURN(std::unique_ptr<ImageSource> source,
                   NewDockerArchiveSource(std::move(archive), broker::DockerArchiveImage()));
  return std::make_unique<DockerDaemonSource>(std::move(client), std::move(source));
}

}  // namespace

absl::StatusOr<std::unique_ptr<ImageSource>> OpenDockerDaemonSource(
    const TransportContext& context, const broker::ImageLocation& location) {
  absl::StatusOr<std::unique_ptr<ImageSource>> source = Open(context, location.docker_daemon());
  RETURN_IF_ERROR(WithContext(source.status(), kContext));
  return source;
}

}  // namespace holkas
