#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "proto/wire/error.h"
#include "proto/wire/printable.h"
#include "proto/wire/status_macros.h"
#include "worker/image/image_config.h"
#include "worker/image/media_types.h"
#include "worker/transports/docker_archive/archive_manifest.h"
#include "worker/transports/docker_daemon/archive_upload.h"
#include "worker/transports/docker_daemon/docker_daemon.h"
#include "worker/transports/docker_daemon/engine_client.h"

namespace holkas {
namespace {

constexpr absl::string_view kContext = "loading image into docker engine";
// How much of a daemon's words an error shows.
constexpr size_t kMaxShownBytes = 128;

std::string ConfigName(const Digest& digest) { return absl::StrCat(digest.hex(), ".json"); }
std::string LayerName(const Digest& digest) { return absl::StrCat(digest.hex(), ".tar"); }

class DockerDaemonDestination : public ImageDestination {
 public:
  DockerDaemonDestination(std::unique_ptr<EngineClient> client, std::string name)
      : client_(std::move(client)), name_(std::move(name)), upload_(*client_) {}

  bool AcceptsManifestType(absl::string_view media_type) const override {
    return media_type == kDockerManifestType;
  }
  bool writes_in_turn() const override { return true; }

  absl::StatusOr<Reuse> ReuseBlob(const Descriptor& blob) override {
    absl::MutexLock lock(&mutex_);
    return written_.count(blob.digest) > 0 ? Reuse::kPresent : Reuse::kAbsent;
  }

  absl::StatusOr<std::unique_ptr<ByteSink>> CreateBlob(const Descriptor& blob) override;
  absl::Status WriteManifest(const Manifest& manifest, bool is_top) override;
  absl::Status Publish(const Manifest& top) override;

 private:
  // Remembers what was written, and of a configuration its bytes.
  class BlobSink : public ByteSink {
   public:
    BlobSink(DockerDaemonDestination& to, std::unique_ptr<ByteSink> sink, bool is_config)
        : to_(to), sink_(std::move(sink)), is_config_(is_config) {}

    absl::Status Append(absl::string_view data) override {
      if (is_config_) {
        config_.append(data.data(), data.size());
      }
      return WithContext(sink_->Append(data), kContext);
    }
    absl::Status Finish(const Digest& digest, int64_t size_bytes) override {
      RETURN_IF_ERROR(WithContext(sink_->Finish(digest, size_bytes), kContext));
      absl::MutexLock lock(&to_.mutex_);
      to_.written_.insert(digest);
      if (is_config_) {
        to_.config_ = std::move(config_);
      }
      return absl::OkStatus();
    }

   private:
    DockerDaemonDestination& to_;
    const std::unique_ptr<ByteSink> sink_;
    const bool is_config_;
    std::string config_;
  };

  absl::Status CheckLoaded(const Manifest& manifest) const;

  const std::unique_ptr<EngineClient> client_;
  // Of the image, with its tag.
  const std::string name_;
  ArchiveUpload upload_;
  absl::Mutex mutex_;
  std::set<Digest> written_ ABSL_GUARDED_BY(mutex_);
  std::string config_ ABSL_GUARDED_BY(mutex_);
  // Of the configuration that was written. Set by WriteManifest.
  std::vector<std::string> diff_ids_;
};

absl::StatusOr<std::unique_ptr<ByteSink>> DockerDaemonDestination::CreateBlob(
    const Descriptor& blob) {
  const bool is_config = blob.media_type == kDockerConfigType;
  if (blob.size_bytes < 0) {
    return MakeError(absl::StatusCode::kUnimplemented, "OPTION_UNIMPLEMENTED",
                     absl::StrCat(kContext,
                                  ": layers go as they are, and cannot be changed on "
                                  "their way"));
  }
  if (is_config && blob.size_bytes > kMaxConfigBytes) {
    return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                     absl::StrCat("bytes of a configuration: more than ", kMaxConfigBytes));
  }
  absl::StatusOr<std::unique_ptr<ByteSink>> sink =
      upload_.Begin(is_config ? ConfigName(blob.digest) : LayerName(blob.digest), blob.size_bytes);
  RETURN_IF_ERROR(WithContext(sink.status(), kContext));
  return std::make_unique<BlobSink>(*this, *std::move(sink), is_config);
}

absl::Status DockerDaemonDestination::WriteManifest(const Manifest& manifest, bool /*is_top*/) {
  {
    absl::MutexLock lock(&mutex_);
    ASSIGN_OR_RETURN(ImageConfig config, ImageConfig::Parse(config_));
    diff_ids_ = std::move(config.diff_ids).value_or(std::vector<std::string>());
  }
  ArchiveImage image;
  image.config = ConfigName(manifest.image().config.digest);
  image.repo_tags = {name_};
  for (const Descriptor& layer : manifest.image().layers) {
    image.layers.push_back(LayerName(layer.digest));
  }
  return WithContext(upload_.Add("manifest.json", FormatArchiveManifest(image)), kContext);
}

// A daemon whose disk is full may say nothing of it.
absl::Status DockerDaemonDestination::CheckLoaded(const Manifest& manifest) const {
  ASSIGN_OR_RETURN(const EngineImage image, client_->InspectImage());
  const std::string& id = manifest.image().config.digest.ToString();
  if (image.diff_ids == diff_ids_ && (image.id == id || !image.id_is_config)) {
    return absl::OkStatus();
  }
  return MakeError(absl::StatusCode::kFailedPrecondition, "DAEMON_ERROR",
                   absl::StrCat("the daemon said that it loaded ", id, ", but has ",
                                Printable(image.id, kMaxShownBytes), " under the name"));
}

absl::Status DockerDaemonDestination::Publish(const Manifest& top) {
  RETURN_IF_ERROR(WithContext(upload_.Finish(), kContext));
  return WithContext(CheckLoaded(top), kContext);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ImageDestination>> OpenDockerDaemonDestination(
    const TransportContext& context, const broker::ImageLocation& location) {
  const broker::DockerDaemonImage& image = location.docker_daemon();
  absl::StatusOr<std::unique_ptr<EngineClient>> client = EngineClient::New(
      {context.broker, broker::PLACE_DESTINATION, image, context.job.user_agent()});
  RETURN_IF_ERROR(WithContext(client.status(), kContext));
  return std::make_unique<DockerDaemonDestination>(
      *std::move(client), absl::StrCat(image.repository(), ":", image.tag()));
}

}  // namespace holkas
