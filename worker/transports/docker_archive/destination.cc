#include <algorithm>
#include <map>
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
#include "proto/wire/status_macros.h"
#include "worker/archive/archive_file.h"
#include "worker/archive/tar_writer.h"
#include "worker/image/image_config.h"
#include "worker/image/json_value.h"
#include "worker/image/media_types.h"
#include "worker/transports/docker_archive/archive_manifest.h"
#include "worker/transports/docker_archive/docker_archive.h"
#include "worker/transports/docker_archive/legacy_layers.h"

namespace holkas {
namespace {

std::string ConfigName(const Digest& digest) { return absl::StrCat(digest.hex(), ".json"); }
std::string LayerName(const Digest& digest) { return absl::StrCat(digest.hex(), ".tar"); }

TarQueue::NameOf NameOf(const Descriptor& blob) {
  return blob.media_type == kDockerConfigType ? ConfigName : LayerName;
}

class DockerArchiveDestination : public ImageDestination {
 public:
  DockerArchiveDestination(std::unique_ptr<ArchiveFile> file, std::vector<std::string> names)
      : file_(std::move(file)), names_(std::move(names)) {}

  LayerForm wanted_layer_form() const override { return LayerForm::kUncompressed; }

  bool AcceptsManifestType(absl::string_view media_type) const override {
    return media_type == kDockerManifestType;
  }

  void ExpectBlob(const Descriptor& blob) override { file_->Expect(blob, NameOf(blob)); }

  absl::Status EndBlob(const Descriptor& blob) override { return file_->End(blob.digest); }

  absl::StatusOr<Reuse> ReuseBlob(const Descriptor& blob) override {
    return file_->Has(blob.digest) ? Reuse::kPresent : Reuse::kAbsent;
  }

  bool uses_guessed_sizes() const override { return true; }

  absl::Status GuessBlobSize(const Descriptor& blob, int64_t size_bytes) override {
    return file_->Guess(blob.digest, size_bytes);
  }

  absl::StatusOr<std::unique_ptr<ByteSink>> CreateBlob(const Descriptor& blob) override {
    ASSIGN_OR_RETURN(std::unique_ptr<ByteSink> sink, file_->Write(blob, NameOf(blob)));
    if (blob.media_type != kDockerConfigType) {
      return sink;
    }
    return std::make_unique<ConfigSink>(*this, std::move(sink));
  }

  void Cancel() override { file_->Cancel(); }

  absl::Status WriteManifest(const Manifest& manifest, bool is_top) override;

  absl::Status Publish(const Manifest& /*top*/) override {
    return WithContext(file_->Publish(), "write archive");
  }

 private:
  // Keeps the configuration, which the manifest's members are made from.
  class ConfigSink : public ByteSink {
   public:
    ConfigSink(DockerArchiveDestination& to, std::unique_ptr<ByteSink> sink)
        : to_(to), sink_(std::move(sink)) {}

    absl::Status Append(absl::string_view data) override {
      if (bytes_.size() + data.size() > static_cast<size_t>(kMaxConfigBytes)) {
        return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                         absl::StrCat("bytes of a configuration: more than ", kMaxConfigBytes));
      }
      bytes_.append(data.data(), data.size());
      return sink_->Append(data);
    }

    absl::Status Finish(const Digest& digest, int64_t size_bytes) override {
      RETURN_IF_ERROR(sink_->Finish(digest, size_bytes));
      absl::MutexLock lock(&to_.mutex_);
      to_.config_ = std::move(bytes_);
      return absl::OkStatus();
    }

   private:
    DockerArchiveDestination& to_;
    const std::unique_ptr<ByteSink> sink_;
    std::string bytes_;
  };

  absl::Status CheckLayers(const std::vector<Digest>& diff_ids, const std::string& config) const;
  absl::Status AddLegacyLayers(TarWriter& writer, const std::vector<Digest>& diff_ids,
                               const std::vector<LegacyLayer>& layers);

  const std::unique_ptr<ArchiveFile> file_;
  // Of the image, each with its tag.
  const std::vector<std::string> names_;
  absl::Mutex mutex_;
  std::string config_ ABSL_GUARDED_BY(mutex_);
};

// `{"host/path":{"tag":"id"}}`, sorted, as Docker before 1.10 reads it.
std::string FormatRepositories(const std::vector<std::string>& names, const std::string& top_id) {
  std::map<std::string, std::map<std::string, std::string>> repositories;
  for (const std::string& name : names) {
    const size_t colon = name.rfind(':');
    repositories[name.substr(0, colon)][name.substr(colon + 1)] = top_id;
  }
  JsonObject object;
  for (const auto& [repository, tags] : repositories) {
    JsonObject ids;
    for (const auto& [tag, id] : tags) {
      ids.push_back({tag, JsonValue(id)});
    }
    object.push_back({repository, JsonValue(std::move(ids))});
  }
  return JsonValue(std::move(object)).Write();
}

// Nobody could read the archive otherwise: the configuration is what tells the layers' digests.
absl::Status DockerArchiveDestination::CheckLayers(const std::vector<Digest>& diff_ids,
                                                   const std::string& config) const {
  ASSIGN_OR_RETURN(const ImageConfig parsed, ImageConfig::Parse(config));
  const std::vector<std::string> wanted = parsed.diff_ids.value_or(std::vector<std::string>());
  std::vector<std::string> written;
  for (const Digest& diff_id : diff_ids) {
    written.push_back(diff_id.ToString());
  }
  if (written == wanted) {
    return absl::OkStatus();
  }
  return MakeError(absl::StatusCode::kDataLoss, "CONTENT_MISMATCH",
                   absl::StrCat("write archive: the configuration names ", wanted.size(),
                                " layers (rootfs.diff_ids) that are not the ", written.size(),
                                " layers of the image"));
}

absl::Status DockerArchiveDestination::AddLegacyLayers(TarWriter& writer,
                                                       const std::vector<Digest>& diff_ids,
                                                       const std::vector<LegacyLayer>& layers) {
  std::set<std::string> ids;
  for (size_t i = 0; i < layers.size(); ++i) {
    const std::string& id = layers[i].id;
    if (!ids.insert(id).second) {
      continue;
    }
    RETURN_IF_ERROR(writer.AddSymlink(absl::StrCat(id, "/layer.tar"),
                                      absl::StrCat("../", LayerName(diff_ids[i]))));
    RETURN_IF_ERROR(writer.AddFile(absl::StrCat(id, "/VERSION"), "1.0"));
    RETURN_IF_ERROR(writer.AddFile(absl::StrCat(id, "/json"), layers[i].json));
  }
  return absl::OkStatus();
}

absl::Status DockerArchiveDestination::WriteManifest(const Manifest& manifest, bool /*is_top*/) {
  ASSIGN_OR_RETURN(TarWriter * writer, file_->EndBlobs());
  std::vector<Digest> diff_ids;
  ArchiveImage image;
  image.config = ConfigName(manifest.image().config.digest);
  image.repo_tags = names_;
  for (const Descriptor& layer : manifest.image().layers) {
    diff_ids.push_back(layer.digest);
    image.layers.push_back(LayerName(layer.digest));
  }
  std::string config;
  {
    absl::MutexLock lock(&mutex_);
    config = config_;
  }
  RETURN_IF_ERROR(CheckLayers(diff_ids, config));
  ASSIGN_OR_RETURN(const std::vector<LegacyLayer> layers, MakeLegacyLayers(diff_ids, config));
  RETURN_IF_ERROR(AddLegacyLayers(*writer, diff_ids, layers));
  RETURN_IF_ERROR(writer->AddFile("manifest.json", FormatArchiveManifest(image)));
  return writer->AddFile("repositories",
                         layers.empty() ? "{}" : FormatRepositories(names_, layers.back().id));
}

}  // namespace

absl::StatusOr<std::unique_ptr<ImageDestination>> OpenDockerArchiveDestination(
    const TransportContext& context, const broker::ImageLocation& location) {
  const broker::DockerArchiveImage& image = location.docker_archive();
  if (image.has_index()) {
    return MakeError(
        absl::StatusCode::kInvalidArgument, "INVALID_REFERENCE",
        absl::StrCat("Destination reference must not contain a manifest index @", image.index()));
  }
  std::vector<std::string> names(image.additional_names().begin(), image.additional_names().end());
  if (!image.name().empty()) {
    names.insert(names.begin(), image.name());
  }
  // Each once, where it is first.
  std::set<std::string> known;
  names.erase(std::remove_if(names.begin(), names.end(),
                             [&](const std::string& name) { return !known.insert(name).second; }),
              names.end());
  ASSIGN_OR_RETURN(std::unique_ptr<ArchiveFile> file, ArchiveFile::Create(context.broker));
  return std::make_unique<DockerArchiveDestination>(std::move(file), std::move(names));
}

}  // namespace holkas
