#include "worker/storage/stored_image_destination.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/blob/copy_bytes.h"
#include "worker/image/image_config.h"
#include "worker/image/media_types.h"
#include "worker/storage/copy_tree.h"
#include "worker/storage/image_table.h"
#include "worker/storage/layer_sink.h"
#include "worker/storage/layer_spool.h"
#include "worker/storage/layer_tar_source.h"
#include "worker/storage/layer_writer.h"
#include "worker/storage/store_layout.h"

namespace holkas {
namespace {

bool IsLayerType(absl::string_view media_type) {
  return absl::StrContains(media_type, ".image.layer.") ||
         absl::StrContains(media_type, ".image.rootfs.");
}

absl::Status NotCopied(const Descriptor& blob) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "INVALID_MANIFEST",
                   absl::StrCat("blob ", blob.digest.ToString(),
                                " was not copied, and the store cannot do without"));
}

absl::Status Vanished(const std::string& layer) {
  return absl::AbortedError(absl::StrCat("layer ", layer, " was removed from the store meanwhile"));
}

absl::StatusOr<std::string> CreatedOf(absl::string_view config) {
  ASSIGN_OR_RETURN(const ImageConfig parsed, ImageConfig::Parse(config));
  if (parsed.created.has_value()) {
    return parsed.created->text;
  }
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E*SZ", absl::Now(), absl::UTCTimeZone());
}

// Each piece is counted by `take` before it is given.
absl::Status GiveAll(ByteSource& tar, absl::FunctionRef<absl::Status(int64_t bytes)> take,
                     LayerWriter& writer) {
  std::vector<char> buffer(kCopyBufferBytes);
  while (true) {
    ASSIGN_OR_RETURN(const size_t count, tar.Read(absl::MakeSpan(buffer)));
    if (count == 0) {
      return absl::OkStatus();
    }
    RETURN_IF_ERROR(take(static_cast<int64_t>(count)));
    RETURN_IF_ERROR(writer.Append(absl::string_view(buffer.data(), count)));
  }
}

}  // namespace

// A configuration: kept until the image's record is written.
class StoredImageDestination::DataSink : public ByteSink {
 public:
  explicit DataSink(StoredImageDestination& destination) : destination_(destination) {}

  absl::Status Append(absl::string_view data) override {
    if (bytes_.size() + data.size() > static_cast<size_t>(kMaxConfigBytes)) {
      return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                       absl::StrCat("a configuration has more than ", kMaxConfigBytes, " bytes"));
    }
    bytes_.append(data.data(), data.size());
    return absl::OkStatus();
  }

  absl::Status Finish(const Digest& digest, int64_t /*size_bytes*/) override {
    absl::MutexLock lock(&destination_.mutex_);
    destination_.data_.insert_or_assign(digest, std::move(bytes_));
    return absl::OkStatus();
  }

 private:
  StoredImageDestination& destination_;
  std::string bytes_;
};

absl::StatusOr<std::unique_ptr<StoredImageDestination>> StoredImageDestination::Open(
    Store store, Options options) {
  RETURN_IF_ERROR(MakeStoreLayout(store));
  ASSIGN_OR_RETURN(std::unique_ptr<StagingArea> staging, StagingArea::Create(store));
  ASSIGN_OR_RETURN(std::vector<LayerRecord> layers, store.ReadLayers());
  return std::unique_ptr<StoredImageDestination>(new StoredImageDestination(
      std::move(store), std::move(options), std::move(staging), std::move(layers)));
}

bool StoredImageDestination::AcceptsManifestType(absl::string_view media_type) const {
  return media_type == kOciManifestType || media_type == kDockerManifestType;
}

void StoredImageDestination::NoteSource(const Manifest& top) { source_top_ = top; }

void StoredImageDestination::ExpectBlob(const Descriptor& blob) {
  if (!lowest_layer_.has_value() && IsLayerType(blob.media_type)) {
    lowest_layer_ = blob.digest;
  }
}

void StoredImageDestination::NoteReused(const Descriptor& blob, const LayerRecord& layer) {
  absl::MutexLock lock(&mutex_);
  if (reused_.emplace(blob.digest, layer).second) {
    budget_.AddStored(layer.compressed_digest.has_value() ? layer.compressed_size_bytes
                                                          : layer.diff_size_bytes);
  }
}

absl::StatusOr<ImageDestination::Reuse> StoredImageDestination::ReuseBlob(const Descriptor& blob) {
  if (!IsLayerType(blob.media_type)) {
    return Reuse::kAbsent;
  }
  for (const LayerRecord& layer : known_layers_) {
    const bool is_same = layer.compressed_digest == blob.digest || layer.diff_digest == blob.digest;
    if (is_same && !layer.is_incomplete && layer.diff_digest.has_value()) {
      NoteReused(blob, layer);
      return Reuse::kPresent;
    }
  }
  return Reuse::kAbsent;
}

absl::StatusOr<ImageDestination::Reuse> StoredImageDestination::ReuseUnpacked(
    const Descriptor& blob, const Digest& plain) {
  for (const LayerRecord& layer : known_layers_) {
    if (IsLayerType(blob.media_type) && layer.diff_digest == plain && !layer.is_incomplete) {
      NoteReused(blob, layer);
      return Reuse::kPresent;
    }
  }
  return Reuse::kAbsent;
}

std::optional<ImageDestination::Unpacked> StoredImageDestination::FindUnpacked(
    const Descriptor& blob) const {
  absl::MutexLock lock(&mutex_);
  const auto staged = staged_.find(blob.digest);
  if (staged == staged_.end()) {
    return std::nullopt;
  }
  const LayerContent& content = staged->second.content;
  return Unpacked{staged->second.compression, content.diff_digest, content.size_bytes};
}

absl::StatusOr<std::unique_ptr<ByteSink>> StoredImageDestination::CreateBlob(
    const Descriptor& blob) {
  if (!IsLayerType(blob.media_type)) {
    return std::make_unique<DataSink>(*this);
  }
  ASSIGN_OR_RETURN(const std::string directory, staging_->MakeDirectory());
  const bool waits = store_.driver() == StorageDriver::kVfs && blob.digest != lowest_layer_;
  return waits ? CreateSpooledLayer(directory) : CreateUnpackedLayer(directory);
}

LayerRights StoredImageDestination::RightsIn(const std::string& directory) const {
  const std::string files = absl::StrCat(staging_->path(), "/", directory, "/", kStagedFiles);
  return {.mark_opaque =
              [this, files](const std::string& path) {
                return options_.mark_opaque(path.empty() ? files : absl::StrCat(files, "/", path));
              },
          .make_device = [this](int parent, const std::string& name, mode_t type,
                                dev_t device) { return MakeDevice(parent, name, type, device); }};
}

// Names of the layer, and links on the way to them, so are nothing to who makes the node.
absl::StatusOr<bool> StoredImageDestination::MakeDevice(int parent, const std::string& name,
                                                        mode_t type, dev_t device) const {
  if (options_.make_device == nullptr || IsWhiteoutDevice(type, device)) {
    return MakeOwnDevice(parent, name, type, device);
  }
  const std::string staged = staging_->NewName();
  ASSIGN_OR_RETURN(const bool is_made,
                   options_.make_device(absl::StrCat(staging_->path(), "/", staged), type, device));
  if (is_made &&
      renameat2(staging_->directory().fd(), staged.c_str(), parent, name.c_str(), 0) != 0) {
    return ErrnoError(errno, "move a device to its place");
  }
  return is_made;
}

absl::Status StoredImageDestination::Count(absl::string_view tar, int64_t blob_bytes) {
  budget_.AddBytes(blob_bytes);
  return budget_.TakeTar(static_cast<int64_t>(tar.size()));
}

absl::StatusOr<std::unique_ptr<ByteSink>> StoredImageDestination::CreateUnpackedLayer(
    const std::string& directory) {
  ASSIGN_OR_RETURN(const Directory stage, staging_->directory().OpenDirectory(directory));
  ASSIGN_OR_RETURN(std::shared_ptr<LayerWriter> writer,
                   LayerWriter::Create(stage, options_.whiteouts, RightsIn(directory), &pairing_));
  writer->TakeFrom(budget_);
  return std::make_unique<LayerSink>(
      expansion_,
      [this, writer, counted = int64_t{0}](absl::string_view tar, int64_t blob_bytes) mutable {
        RETURN_IF_ERROR(Count(tar, blob_bytes - std::exchange(counted, blob_bytes)));
        return writer->Append(tar);
      },
      [this, writer, directory](const Digest& digest, int64_t size_bytes,
                                Compression compression) -> absl::Status {
        ASSIGN_OR_RETURN(LayerContent content, writer->Finish());
        absl::MutexLock lock(&mutex_);
        staged_.insert_or_assign(
            digest, StagedLayer{directory, std::move(content), digest, size_bytes, compression});
        return absl::OkStatus();
      });
}

absl::StatusOr<std::unique_ptr<ByteSink>> StoredImageDestination::CreateSpooledLayer(
    const std::string& directory) {
  ASSIGN_OR_RETURN(Directory stage, staging_->directory().OpenDirectory(directory));
  ASSIGN_OR_RETURN(std::shared_ptr<LayerSpool> spool,
                   LayerSpool::Create(std::move(stage), budget_));
  return std::make_unique<LayerSink>(
      expansion_,
      [this, spool, counted = int64_t{0}](absl::string_view tar, int64_t blob_bytes) mutable {
        RETURN_IF_ERROR(Count(tar, blob_bytes - std::exchange(counted, blob_bytes)));
        return spool->Append(tar);
      },
      [this, spool, directory](const Digest& digest, int64_t size_bytes,
                               Compression compression) -> absl::Status {
        ASSIGN_OR_RETURN(SpooledTar spooled, spool->Finish());
        LayerContent content{spooled.digest, spooled.size_bytes, {}, {}};
        absl::MutexLock lock(&mutex_);
        staged_.insert_or_assign(digest, StagedLayer{directory, std::move(content), digest,
                                                     size_bytes, compression, std::move(spooled)});
        return absl::OkStatus();
      });
}

absl::Status StoredImageDestination::WriteManifest(const Manifest& manifest, bool /*is_top*/) {
  if (manifest.is_index()) {
    return MakeError(absl::StatusCode::kUnimplemented, "MEDIA_TYPE_UNSUPPORTED",
                     "a store takes one image at a time");
  }
  const std::optional<Digest>& wanted = options_.name.digest;
  const bool is_source = source_top_.has_value() && source_top_->digest() == wanted;
  if (wanted.has_value() && manifest.digest() != *wanted && !is_source) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "DESTINATION_CONFLICT",
                     absl::StrCat("manifest ", manifest.digest().ToString(),
                                  " does not match expected digest ", wanted->ToString()));
  }
  return absl::OkStatus();
}

absl::StatusOr<Digest> StoredImageDestination::DiffDigestOf(const Descriptor& blob) {
  absl::MutexLock lock(&mutex_);
  if (const auto staged = staged_.find(blob.digest); staged != staged_.end()) {
    return staged->second.content.diff_digest;
  }
  if (const auto reused = reused_.find(blob.digest); reused != reused_.end()) {
    return *reused->second.diff_digest;
  }
  return NotCopied(blob);
}

absl::StatusOr<std::string> StoredImageDestination::ConfigOf(const Manifest& image) {
  const Descriptor& config = image.image().config;
  absl::MutexLock lock(&mutex_);
  const auto found = data_.find(config.digest);
  return found == data_.end() ? absl::StatusOr<std::string>(NotCopied(config)) : found->second;
}

absl::Status StoredImageDestination::CheckDiffDigests(const Manifest& image) {
  ASSIGN_OR_RETURN(const std::string bytes, ConfigOf(image));
  const absl::StatusOr<ImageConfig> config = ImageConfig::Parse(bytes);
  const std::vector<Descriptor>& layers = image.image().layers;
  if (!config.ok() || !config->diff_ids.has_value() || config->diff_ids->size() != layers.size()) {
    return absl::OkStatus();
  }
  for (size_t i = 0; i < layers.size(); ++i) {
    ASSIGN_OR_RETURN(const Digest diff_digest, DiffDigestOf(layers[i]));
    if ((*config->diff_ids)[i] != diff_digest.ToString()) {
      return MakeError(absl::StatusCode::kDataLoss, "CONTENT_MISMATCH",
                       absl::StrCat("layer ", layers[i].digest.ToString(), " has the content ",
                                    diff_digest.ToString(), ", and its image says another"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<ByteSource>> StoredImageDestination::OpenStagedTar(
    const StagedLayer& staged) const {
  ASSIGN_OR_RETURN(const Directory stage, staging_->directory().OpenDirectory(staged.directory));
  ASSIGN_OR_RETURN(Directory files, stage.OpenDirectory(kStagedFiles));
  ASSIGN_OR_RETURN(UniqueFd tar_split, stage.OpenFile(kStagedTarSplit, O_RDONLY));
  return LayerTarSource::Open(std::move(files), std::move(tar_split));
}

absl::StatusOr<StagedLayer> StoredImageDestination::StageAgain(const PlannedLayer& planned,
                                                               const StagedLayer* below,
                                                               std::optional<Digest> known_digest,
                                                               GiveTar give_tar) {
  ASSIGN_OR_RETURN(std::string directory, staging_->MakeDirectory());
  ASSIGN_OR_RETURN(const Directory stage, staging_->directory().OpenDirectory(directory));
  const LayerRights rights = RightsIn(directory);
  if (store_.driver() == StorageDriver::kVfs && !planned.parent.empty()) {
    ASSIGN_OR_RETURN(
        const Directory parent,
        below != nullptr
            ? staging_->directory().OpenDirectory(absl::StrCat(below->directory, "/", kStagedFiles))
            : store_.graph_root().OpenDirectory(store_.LayerFilesPath(planned.parent)));
    ASSIGN_OR_RETURN(const Directory files, stage.MakeOrOpenDirectory(kStagedFiles, 0700));
    RETURN_IF_ERROR(CopyTree(parent, files, rights.make_device, budget_));
  }
  ASSIGN_OR_RETURN(
      const std::unique_ptr<LayerWriter> writer,
      LayerWriter::Create(stage, options_.whiteouts, rights, nullptr, std::move(known_digest)));
  writer->TakeFrom(budget_);
  RETURN_IF_ERROR(give_tar(*writer));
  ASSIGN_OR_RETURN(LayerContent content, writer->Finish());
  return StagedLayer{std::move(directory), content, content.diff_digest, content.size_bytes,
                     Compression::kNone};
}

absl::StatusOr<StagedLayer> StoredImageDestination::StageStagedAgain(const StagedLayer& staged,
                                                                     const PlannedLayer& planned,
                                                                     const StagedLayer* below) {
  if (staged.spooled.has_value()) {
    // What this process itself wrote down comes back as it was, or by accident not; that its CRC
    // finds, which takes a thirtieth of the time.
    return StageAgain(planned, below, staged.content.diff_digest, [&](LayerWriter& writer) {
      if (planned.is_first_use) {
        budget_.GiveBack(staged.spooled->entries, staged.spooled->described_bytes);
      } else {
        RETURN_IF_ERROR(budget_.TakeTar(staged.content.size_bytes));
      }
      ASSIGN_OR_RETURN(const Directory spool,
                       staging_->directory().OpenDirectory(staged.directory));
      return Unspool(spool, *staged.spooled, planned.is_last_use, writer);
    });
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<ByteSource> tar, OpenStagedTar(staged));
  return StageAgain(planned, below, std::nullopt, [&](LayerWriter& writer) {
    return GiveAll(
        *tar, [&](int64_t bytes) { return budget_.TakeTar(bytes); }, writer);
  });
}

absl::StatusOr<StagedLayer> StoredImageDestination::StageStoredAgain(const LayerRecord& stored,
                                                                     const PlannedLayer& planned,
                                                                     const StagedLayer* below) {
  absl::StatusOr<std::unique_ptr<ByteSource>> tar = store_.OpenLayerTar(stored.id);
  if (absl::IsNotFound(tar.status())) {
    return Vanished(stored.id);
  }
  RETURN_IF_ERROR(tar.status());
  return StageAgain(planned, below, std::nullopt, [&](LayerWriter& writer) {
    return GiveAll(
        **tar,
        [&](int64_t bytes) {
          return planned.is_first_use ? budget_.TakeTar(bytes) : budget_.TakeStoredAgain(bytes);
        },
        writer);
  });
}

absl::StatusOr<const StagedLayer*> StoredImageDestination::StageLayer(const Descriptor& blob,
                                                                      const PlannedLayer& planned,
                                                                      const StagedLayer* below) {
  const StagedLayer* staged = nullptr;
  const LayerRecord* reused = nullptr;
  {
    absl::MutexLock lock(&mutex_);
    if (const auto found = staged_.find(blob.digest); found != staged_.end()) {
      staged = &found->second;
    } else if (const auto same = reused_.find(blob.digest); same != reused_.end()) {
      reused = &same->second;
    }
  }
  // What was unpacked on top of nothing can be used where it is, once: of vfs, by the lowest.
  const bool is_alone = store_.driver() == StorageDriver::kOverlay || planned.parent.empty();
  if (staged != nullptr && planned.is_first_use && is_alone && !staged->spooled.has_value()) {
    return staged;
  }
  ASSIGN_OR_RETURN(StagedLayer again, staged != nullptr
                                          ? StageStagedAgain(*staged, planned, below)
                                          : StageStoredAgain(*reused, planned, below));
  const Digest& wanted = staged != nullptr ? staged->content.diff_digest : *reused->diff_digest;
  if (again.content.diff_digest != wanted) {
    return MakeError(absl::StatusCode::kDataLoss, "CONTENT_MISMATCH",
                     absl::StrCat("layer ", wanted.ToString(), " of the store: its digest is ",
                                  again.content.diff_digest.ToString()));
  }
  if (staged != nullptr) {
    again.blob_digest = staged->blob_digest;
    again.blob_size_bytes = staged->blob_size_bytes;
    again.compression = staged->compression;
  } else if (reused->compressed_digest == blob.digest) {
    again.blob_digest = blob.digest;
    again.blob_size_bytes = reused->compressed_size_bytes;
    again.compression = reused->compression;
  }
  return staged_again_.emplace_back(std::make_unique<StagedLayer>(std::move(again))).get();
}

absl::StatusOr<std::vector<StoredImageDestination::PlannedLayer>>
StoredImageDestination::StageLayers(const Manifest& image) {
  ASSIGN_OR_RETURN(const std::vector<LayerRecord> present, store_.ReadLayers());
  std::set<std::string> complete;
  for (const LayerRecord& layer : present) {
    if (!layer.is_incomplete) {
      complete.insert(layer.id);
    }
  }
  const std::vector<Descriptor>& blobs = image.image().layers;
  std::vector<PlannedLayer> planned;
  // Of those that are missing: the first and the last that each blob is.
  std::map<Digest, std::pair<size_t, size_t>> uses;
  for (size_t i = 0; i < blobs.size(); ++i) {
    ASSIGN_OR_RETURN(const Digest diff_digest, DiffDigestOf(blobs[i]));
    PlannedLayer layer;
    layer.parent = i == 0 ? "" : planned.back().id;
    layer.id = LayerId(layer.parent, diff_digest);
    if (!complete.contains(layer.id)) {
      uses.try_emplace(blobs[i].digest, i, i).first->second.second = i;
    }
    planned.push_back(std::move(layer));
  }
  for (size_t i = 0; i < blobs.size(); ++i) {
    PlannedLayer& layer = planned[i];
    if (complete.contains(layer.id)) {
      continue;
    }
    const auto [first, last] = uses.at(blobs[i].digest);
    layer.is_first_use = first == i;
    layer.is_last_use = last == i;
    ASSIGN_OR_RETURN(layer.staged,
                     StageLayer(blobs[i], layer, i == 0 ? nullptr : planned[i - 1].staged));
  }
  return planned;
}

absl::Status StoredImageDestination::Publish(const Manifest& top) {
  RETURN_IF_ERROR(CheckDiffDigests(top));
  ASSIGN_OR_RETURN(const std::vector<PlannedLayer> layers, StageLayers(top));
  // Durable before any list names it. The driver's directory can be on a disk of its own.
  if (syncfs(staging_->directory().fd()) != 0) {
    return ErrnoError(errno, "sync the store");
  }
  // Until the image has its record, nobody may take layers that no image has.
  ASSIGN_OR_RETURN(LayerTable table, LayerTable::Open(store_));
  std::vector<LayerTable::NewLayer> missing;
  for (const PlannedLayer& layer : layers) {
    if (table.Contains(layer.id)) {
      continue;
    }
    if (layer.staged == nullptr) {
      return Vanished(layer.id);
    }
    missing.push_back({layer.id, layer.parent, layer.staged});
  }
  RETURN_IF_ERROR(table.Install(missing, staging_->name()));
  return PutImage(top, layers.empty() ? "" : layers.back().id);
}

absl::StatusOr<std::string> StoredImageDestination::IdOf(
    const Digest& config, const std::vector<ImageRecord>& images) const {
  const std::string& wanted = options_.name.id;
  if (wanted.empty() && !IsStoreId(config.hex())) {
    return MakeError(absl::StatusCode::kUnimplemented, "MEDIA_TYPE_UNSUPPORTED",
                     "a store takes configurations with a digest by sha256 alone");
  }
  if (wanted.empty() || IsStoreId(wanted)) {
    return wanted.empty() ? std::string(config.hex()) : wanted;
  }
  ASSIGN_OR_RETURN(const ImageRecord* image, FindImage(images, {"", std::nullopt, wanted}));
  return image->id;
}

absl::Status StoredImageDestination::PutImage(const Manifest& image, const std::string& top_layer) {
  const Descriptor& config = image.image().config;
  ASSIGN_OR_RETURN(std::string config_bytes, ConfigOf(image));
  ASSIGN_OR_RETURN(std::string created, CreatedOf(config_bytes));
  ASSIGN_OR_RETURN(ImageTable images, ImageTable::Open(store_));
  ASSIGN_OR_RETURN(std::string id, IdOf(config.digest, images.images()));
  ImageTable::NewImage record{std::move(id),      options_.name.FullName(), top_layer,
                              std::move(created), image.digest(),           {}};
  record.data.push_back({config.digest.ToString(), std::move(config_bytes)});
  if (source_top_.has_value() && source_top_->digest() != image.digest()) {
    record.data.push_back({ManifestKey(source_top_->digest()), source_top_->bytes()});
  }
  record.data.push_back({ManifestKey(image.digest()), image.bytes()});
  record.data.push_back({"manifest", image.bytes()});
  record.data.push_back({absl::StrCat("signature-", image.digest().hex()), ""});
  return images.Put(record);
}

}  // namespace holkas
