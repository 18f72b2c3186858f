#ifndef HOLKAS_WORKER_STORAGE_STORED_IMAGE_DESTINATION_H_
#define HOLKAS_WORKER_STORAGE_STORED_IMAGE_DESTINATION_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "proto/wire/digest.h"
#include "proto/wire/sha256_pairing.h"
#include "worker/blob/byte_sink.h"
#include "worker/blob/expansion_budget.h"
#include "worker/image/manifest.h"
#include "worker/storage/find_image.h"
#include "worker/storage/layer_budget.h"
#include "worker/storage/layer_table.h"
#include "worker/storage/layer_unpacker.h"
#include "worker/storage/layer_writer.h"
#include "worker/storage/staging_area.h"
#include "worker/storage/store.h"
#include "worker/transports/image_destination.h"

namespace holkas {

// One image on its way into a store. Layers are unpacked while they come, in a staging area,
// several at once; Publish makes them layers of the store, and then the image with its name. Until
// then the store is as it was, but for layers that a Publish brought which failed after that: those
// are whole, and the next copy finds them.
class StoredImageDestination : public ImageDestination {
 public:
  struct Options {
    // Of the name, with its digest, the image gets what is there; with an identity, that one.
    StoredImageName name;
    WhiteoutForm whiteouts = WhiteoutForm::kOverlay;
    // For WhiteoutForm::kOverlay: marks a directory, by its path below the graph root. Called by
    // several threads.
    OpaqueMarker mark_opaque;
  };

  static absl::StatusOr<std::unique_ptr<StoredImageDestination>> Open(Store store, Options options);

  bool AcceptsManifestType(absl::string_view media_type) const override;
  // Kept beside the image where it is another manifest, as Skopeo does: the image is found by the
  // digest of either.
  void NoteSource(const Manifest& top) override;
  void ExpectBlob(const Descriptor& blob) override;
  void NoteCameAs(int64_t size_bytes) override { budget_.SetSize(size_bytes); }
  absl::StatusOr<Reuse> ReuseBlob(const Descriptor& blob) override;
  bool unpacks_layers() const override { return true; }
  absl::StatusOr<Reuse> ReuseUnpacked(const Descriptor& blob, const Digest& plain) override;
  std::optional<Unpacked> FindUnpacked(const Descriptor& blob) const override;
  absl::StatusOr<std::unique_ptr<ByteSink>> CreateBlob(const Descriptor& blob) override;
  absl::Status WriteManifest(const Manifest& manifest, bool is_top) override;
  // Errors: ABORTED where a layer that was to be used again is gone; FAILED_PRECONDITION
  // (DESTINATION_CONFLICT); NOT_FOUND (MANIFEST_UNKNOWN) for a part of an identity that none has.
  absl::Status Publish(const Manifest& top) override;

 private:
  class DataSink;
  // A layer of the image: what it is, and what becomes it.
  struct PlannedLayer {
    std::string id;
    std::string parent;
    const StagedLayer* staged = nullptr;  // null where the store has it
    // The blob is no layer of the image before, or after it.
    bool is_first_use = true;
    bool is_last_use = true;
  };
  // Gives all of a layer's tar to its writer.
  using GiveTar = absl::FunctionRef<absl::Status(LayerWriter&)>;

  StoredImageDestination(Store store, Options options, std::unique_ptr<StagingArea> staging,
                         std::vector<LayerRecord> layers)
      : store_(std::move(store)),
        options_(std::move(options)),
        staging_(std::move(staging)),
        known_layers_(std::move(layers)) {}

  // Counts like one that comes.
  void NoteReused(const Descriptor& blob, const LayerRecord& layer);
  absl::StatusOr<std::unique_ptr<ByteSink>> CreateUnpackedLayer(const std::string& directory);
  absl::StatusOr<std::unique_ptr<ByteSink>> CreateSpooledLayer(const std::string& directory);
  // Counts a piece of a layer that comes, and what came of its blob for that.
  absl::Status Count(absl::string_view tar, int64_t blob_bytes);
  OpaqueMarker MarkerOf(const std::string& directory) const;

  absl::StatusOr<std::vector<PlannedLayer>> StageLayers(const Manifest& image);
  absl::StatusOr<const StagedLayer*> StageLayer(const Descriptor& blob, const PlannedLayer& planned,
                                                const StagedLayer* below);
  // Unpacks the tar of a layer that came already, or that is somewhere else in the store.
  absl::StatusOr<StagedLayer> StageStagedAgain(const StagedLayer& staged,
                                               const PlannedLayer& planned,
                                               const StagedLayer* below);
  absl::StatusOr<StagedLayer> StageStoredAgain(const LayerRecord& stored,
                                               const PlannedLayer& planned,
                                               const StagedLayer* below);
  absl::StatusOr<StagedLayer> StageAgain(const PlannedLayer& planned, const StagedLayer* below,
                                         std::optional<Digest> known_digest, GiveTar give_tar);
  absl::StatusOr<std::unique_ptr<ByteSource>> OpenStagedTar(const StagedLayer& staged) const;
  absl::StatusOr<Digest> DiffDigestOf(const Descriptor& blob);
  // The image's configuration, which has come.
  absl::StatusOr<std::string> ConfigOf(const Manifest& image);
  // Whether the layers have the content that the image's configuration, where it is one, says.
  absl::Status CheckDiffDigests(const Manifest& image);
  absl::StatusOr<std::string> IdOf(const Digest& config,
                                   const std::vector<ImageRecord>& images) const;
  absl::Status PutImage(const Manifest& image, const std::string& top_layer);

  Store store_;
  const Options options_;
  const std::unique_ptr<StagingArea> staging_;
  // When the destination was opened.
  const std::vector<LayerRecord> known_layers_;
  Sha256Pairing pairing_;
  std::optional<Manifest> source_top_;
  const std::shared_ptr<ExpansionBudget> expansion_ = std::make_shared<ExpansionBudget>();
  LayerBudget budget_;
  // The first that was announced, mostly the image's lowest one, which waits for no other.
  std::optional<Digest> lowest_layer_;

  mutable absl::Mutex mutex_;
  // By the digest of the blob.
  std::map<Digest, StagedLayer> staged_ ABSL_GUARDED_BY(mutex_);
  std::map<Digest, LayerRecord> reused_ ABSL_GUARDED_BY(mutex_);
  std::map<Digest, std::string> data_ ABSL_GUARDED_BY(mutex_);

  // Publish's own.
  std::vector<std::unique_ptr<StagedLayer>> staged_again_;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_STORAGE_STORED_IMAGE_DESTINATION_H_
