#ifndef HOLKAS_WORKER_TRANSPORTS_IMAGE_DESTINATION_H_
#define HOLKAS_WORKER_TRANSPORTS_IMAGE_DESTINATION_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/wire/digest.h"
#include "worker/blob/byte_sink.h"
#include "worker/blob/compression.h"
#include "worker/image/manifest.h"

namespace holkas {

// One image (or index) to be written, in whatever place. Order: blobs, then manifests (children
// before the index), then Publish. ReuseBlob, CreateBlob, EndBlob and Cancel may be called by
// several threads at once, the rest by one. Until Publish the name still gives the old image;
// destroying a destination before leaves it so.
class ImageDestination {
 public:
  virtual ~ImageDestination() = default;

  enum class Reuse {
    kAbsent,   // the blob must be sent
    kPresent,  // the destination has it, intact
    kMounted,  // the registry took it over from another of its repositories
  };

  // In which form layers are wanted where the caller does not say.
  enum class LayerForm {
    kAsTheyAre,
    kUncompressed,
    kCompressed,  // those that are not; the others stay as they are
  };
  virtual LayerForm wanted_layer_form() const { return LayerForm::kAsTheyAre; }

  // Whether the destination's name is the digest of its manifest, which must not change then.
  virtual bool names_digest() const { return false; }

  // Whether blobs are written one at a time: CreateBlob waits until the sink before is gone.
  virtual bool writes_in_turn() const { return false; }

  // What a manifest of Docker's schema 1 has to say of where it is.
  struct EmbeddedName {
    std::string repository;  // without its registry
    std::string tag;         // empty for a destination that is named by a digest
  };
  // Nothing where the destination takes any.
  virtual std::optional<EmbeddedName> embedded_name() const { return std::nullopt; }

  // Whether manifests of the type can be written.
  virtual bool AcceptsManifestType(absl::string_view media_type) const = 0;

  // Told what the source's name stands for, where one image is copied: its manifest there, or an
  // index that the image was chosen from.
  virtual void NoteSource(const Manifest& top) { (void)top; }

  // Told before the first blob as how many bytes the source's image came (ImageSource::CameAs).
  virtual void NoteCameAs(int64_t size_bytes) { (void)size_bytes; }

  // Told of each blob, in the order in which they are read, before anything is asked about it, by
  // one thread; and when it has come, or need not, by any thread.
  virtual void ExpectBlob(const Descriptor& blob) { (void)blob; }
  virtual absl::Status EndBlob(const Descriptor& blob) {
    (void)blob;
    return absl::OkStatus();
  }

  // Tries to get the blob without sending it.
  virtual absl::StatusOr<Reuse> ReuseBlob(const Descriptor& blob) = 0;

  // For places that keep layers unpacked. Whether it does; the same as ReuseBlob for a layer whose
  // content is that of the plain layer `plain`, by the caller's word; how many bytes a layer that
  // was written has when it is decompressed, and their digest.
  virtual bool unpacks_layers() const { return false; }
  virtual absl::StatusOr<Reuse> ReuseUnpacked(const Descriptor& blob, const Digest& plain) {
    (void)blob;
    (void)plain;
    return Reuse::kAbsent;
  }
  struct Unpacked {
    Compression compression = Compression::kNone;  // of the blob
    Digest plain;
    int64_t plain_size_bytes = 0;
  };
  virtual std::optional<Unpacked> FindUnpacked(const Descriptor& blob) const {
    (void)blob;
    return std::nullopt;
  }

  // Whether it helps to know how large a blob will be that changes on its way; and told so, where
  // that can be guessed, wrongly maybe, before its CreateBlob.
  virtual bool uses_guessed_sizes() const { return false; }
  virtual absl::Status GuessBlobSize(const Descriptor& blob, int64_t size_bytes) {
    (void)blob;
    (void)size_bytes;
    return absl::OkStatus();
  }

  // Begins to write a blob. `blob.digest` and `blob.size_bytes` are what it is expected to have.
  // Where the size is -1, both are known at the sink's Finish alone, and the digest is the one that
  // ExpectBlob was told.
  virtual absl::StatusOr<std::unique_ptr<ByteSink>> CreateBlob(const Descriptor& blob) = 0;

  // Told that some blob will not come: nothing waits for it any more, and no Publish follows.
  virtual void Cancel() {}

  // Stores a manifest by its digest. Everything that it names is there already, or the caller means
  // it not to be (index-only). `is_top`: it is the one that Publish will name.
  virtual absl::Status WriteManifest(const Manifest& manifest, bool is_top) = 0;

  // Makes `top`, a manifest that WriteManifest stored as the top, the destination's image,
  // durably. Once, last.
  virtual absl::Status Publish(const Manifest& top) = 0;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_IMAGE_DESTINATION_H_
