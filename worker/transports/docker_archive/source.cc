#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/archive/archive.h"
#include "worker/archive/archive_members.h"
#include "worker/archive/tar_table.h"
#include "worker/blob/decompressing_source.h"
#include "worker/blob/string_source.h"
#include "worker/image/image_config.h"
#include "worker/image/json_value.h"
#include "worker/image/media_types.h"
#include "worker/transports/docker_archive/archive_manifest.h"
#include "worker/transports/docker_archive/docker_archive.h"

namespace holkas {
namespace {

constexpr absl::string_view kManifestName = "manifest.json";
// How much of a name in an archive an error shows.
constexpr size_t kMaxShownBytes = 256;

std::string Shown(absl::string_view name) {
  return absl::StrCat("\"", absl::CHexEscape(name.substr(0, kMaxShownBytes)), "\"");
}

// A member that must be there.
template <typename T>
absl::StatusOr<T> Needed(absl::StatusOr<T> found, absl::string_view name) {
  if (absl::IsNotFound(found.status())) {
    return InvalidArchive(absl::StrCat("loading tar component ", name, ": file does not exist"));
  }
  return found;
}

absl::StatusOr<std::vector<ArchiveImage>> ReadImages(const ArchiveMembers& archive) {
  ASSIGN_OR_RETURN(const std::string text,
                   Needed(archive.Read(kManifestName, kMaxArchiveManifestBytes), kManifestName));
  return ParseArchiveManifest(text);
}

class DockerArchiveSource : public ImageSource {
 public:
  DockerArchiveSource(std::unique_ptr<ArchiveMembers> archive, ArchiveImage image)
      : archive_(std::move(archive)), image_(std::move(image)) {}

  absl::StatusOr<RawManifest> ReadManifest(const std::optional<Digest>& instance) override {
    if (!manifest_.has_value()) {
      RETURN_IF_ERROR(ReadConfig());
      RETURN_IF_ERROR(ReadLayers());
      manifest_ = MakeManifest();
    }
    if (instance.has_value() && *instance != manifest_->digest) {
      return MakeError(absl::StatusCode::kNotFound, "MANIFEST_UNKNOWN",
                       absl::StrCat("open manifest ", instance->ToString(), ": no such file"));
    }
    return *manifest_;
  }

  absl::StatusOr<std::unique_ptr<ByteSource>> OpenBlob(const Descriptor& blob) override {
    if (config_.has_value() && blob.digest == config_->digest) {
      return std::make_unique<StringSource>(config_bytes_);
    }
    const auto found = layers_.find(blob.digest);
    if (found == layers_.end()) {
      return MakeError(absl::StatusCode::kNotFound, "BLOB_UNKNOWN",
                       absl::StrCat("Unknown blob ", blob.digest.ToString()));
    }
    return Open(found->second);
  }

  std::optional<int64_t> CameAs() const override { return archive_->came_as_bytes(); }

  std::vector<Digest> ReadingOrder() const override {
    std::map<int64_t, Digest> order;
    if (archive_->is_stream()) {
      for (const auto& [diff_id, layer] : layers_) {
        order.emplace(layer.member.offset, diff_id);
      }
    }
    std::vector<Digest> digests;
    for (const auto& [offset, diff_id] : order) {
      digests.push_back(diff_id);
    }
    return digests;
  }

 private:
  struct Layer {
    TarMember member;
    Compression compression = Compression::kNone;
    // Uncompressed.
    int64_t size_bytes = 0;
  };

  absl::Status ReadConfig();
  absl::Status ReadLayers();
  absl::StatusOr<Layer> ReadLayer(const std::string& name) const;
  RawManifest MakeManifest() const;

  absl::StatusOr<std::unique_ptr<ByteSource>> Open(const Layer& layer) const {
    ASSIGN_OR_RETURN(std::unique_ptr<ByteSource> bytes, archive_->OpenMember(layer.member));
    if (layer.compression == Compression::kNone) {
      return bytes;
    }
    // The archive was asked before what it becomes, which bounds all layers together.
    return DecompressingSource::New(std::move(bytes), layer.compression);
  }

  const std::unique_ptr<ArchiveMembers> archive_;
  const ArchiveImage image_;
  // Set by ReadManifest, before any blob is opened.
  std::string config_bytes_;
  std::optional<Descriptor> config_;
  std::vector<Digest> diff_ids_;
  std::map<Digest, Layer> layers_;
  std::optional<RawManifest> manifest_;
};

absl::Status DockerArchiveSource::ReadConfig() {
  ASSIGN_OR_RETURN(config_bytes_,
                   Needed(archive_->Read(image_.config, kMaxConfigBytes), Shown(image_.config)));
  absl::StatusOr<ImageConfig> config = ImageConfig::Parse(config_bytes_);
  RETURN_IF_ERROR(
      WithContext(config.status(), absl::StrCat("decoding tar config ", Shown(image_.config))));
  if (!config->diff_ids.has_value() && config->rootfs_type.empty()) {
    return InvalidArchive(
        absl::StrCat("Invalid image config (rootFS is not set): ", Shown(image_.config)));
  }
  const std::vector<std::string> diff_ids =
      std::move(config->diff_ids).value_or(std::vector<std::string>());
  if (diff_ids.size() > kMaxLayers) {
    return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                     absl::StrCat("layers of an image: more than ", kMaxLayers));
  }
  for (const std::string& text : diff_ids) {
    absl::StatusOr<Digest> diff_id = Digest::Parse(text);
    if (!diff_id.ok()) {
      return InvalidArchive(absl::StrCat("decoding tar config ", Shown(image_.config), ": ",
                                         diff_id.status().message()));
    }
    diff_ids_.push_back(*std::move(diff_id));
  }
  config_ = Descriptor{std::string(kDockerConfigType),
                       Digest::Sha256Of(config_bytes_),
                       static_cast<int64_t>(config_bytes_.size()),
                       {},
                       {}};
  return absl::OkStatus();
}

absl::Status DockerArchiveSource::ReadLayers() {
  if (image_.layers.size() != diff_ids_.size()) {
    return InvalidArchive(absl::StrCat("Inconsistent layer count: ", image_.layers.size(),
                                       " in manifest, ", diff_ids_.size(), " in config"));
  }
  std::set<std::string> names;
  for (size_t i = 0; i < diff_ids_.size(); ++i) {
    // A layer that an image has twice is the same each time, whatever member it is.
    if (layers_.count(diff_ids_[i]) > 0) {
      continue;
    }
    const std::string name = CleanMemberName(image_.layers[i]);
    if (!names.insert(name).second) {
      return InvalidArchive(
          absl::StrCat("Layer tarfile ", Shown(name), " used for two different DiffID values"));
    }
    ASSIGN_OR_RETURN(const Layer layer, ReadLayer(name));
    layers_.emplace(diff_ids_[i], layer);
  }
  return absl::OkStatus();
}

absl::StatusOr<DockerArchiveSource::Layer> DockerArchiveSource::ReadLayer(
    const std::string& name) const {
  absl::StatusOr<TarMember> member = archive_->Find(name);
  if (absl::IsNotFound(member.status())) {
    return InvalidArchive("Some layer tarfiles are missing in the tarball");
  }
  RETURN_IF_ERROR(member.status());
  const absl::StatusOr<ArchiveMembers::Content> content = archive_->Examine(*member);
  RETURN_IF_ERROR(
      WithContext(content.status(), absl::StrCat("reading ", Shown(name), " to find its size")));
  return Layer{*member, content->compression, content->size_bytes};
}

RawManifest DockerArchiveSource::MakeManifest() const {
  const auto describe = [](absl::string_view type, int64_t size_bytes, const Digest& digest) {
    return JsonValue(JsonObject{{"mediaType", JsonValue(type)},
                                {"size", JsonValue(size_bytes)},
                                {"digest", JsonValue(digest.ToString())}});
  };
  JsonArray layers;
  for (const Digest& diff_id : diff_ids_) {
    layers.push_back(describe(kDockerLayerGzipType, layers_.at(diff_id).size_bytes, diff_id));
  }
  const JsonValue manifest(JsonObject{
      {"schemaVersion", JsonValue(int64_t{2})},
      {"mediaType", JsonValue(kDockerManifestType)},
      {"config", describe(config_->media_type, config_->size_bytes, config_->digest)},
      {"layers", JsonValue(std::move(layers))},
  });
  std::string bytes = manifest.Write();
  Digest digest = Digest::Sha256Of(bytes);
  return RawManifest{std::move(bytes), std::move(digest), std::string(kDockerManifestType)};
}

}  // namespace

absl::StatusOr<std::unique_ptr<ImageSource>> NewDockerArchiveSource(
    std::unique_ptr<ArchiveMembers> archive, const broker::DockerArchiveImage& image) {
  ASSIGN_OR_RETURN(const std::vector<ArchiveImage> images, ReadImages(*archive));
  ASSIGN_OR_RETURN(const ArchiveImage* chosen, ChooseArchiveImage(images, image));
  return std::make_unique<DockerArchiveSource>(std::move(archive), *chosen);
}

absl::StatusOr<std::unique_ptr<ImageSource>> OpenDockerArchiveSource(
    const TransportContext& context, const broker::ImageLocation& location) {
  ASSIGN_OR_RETURN(std::unique_ptr<Archive> archive, Archive::OpenSource(context.broker));
  return NewDockerArchiveSource(std::move(archive), location.docker_archive());
}

absl::Status ListDockerArchiveTags(const TransportContext& context,
                                   const broker::ImageLocation& /*location*/,
                                   const TagListener& on_tags) {
  // So that each part fits into a frame.
  constexpr size_t kNamesAtOnce = 64;
  ASSIGN_OR_RETURN(const std::unique_ptr<Archive> archive, Archive::OpenSource(context.broker));
  ASSIGN_OR_RETURN(const std::vector<ArchiveImage> images, ReadImages(*archive));
  ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesOf(images));
  for (size_t i = 0; i < names.size(); i += kNamesAtOnce) {
    const size_t end = std::min(i + kNamesAtOnce, names.size());
    RETURN_IF_ERROR(on_tags(std::vector<std::string>(names.begin() + i, names.begin() + end)));
  }
  return absl::OkStatus();
}

}  // namespace holkas
