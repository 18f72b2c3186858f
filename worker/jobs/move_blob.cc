#include "worker/jobs/move_blob.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/blob/byte_sink.h"
#include "worker/blob/byte_source.h"
#include "worker/blob/compression.h"
#include "worker/blob/copy_bytes.h"
#include "worker/blob/decompressing_source.h"
#include "worker/blob/digesting_source.h"
#include "worker/blob/gzip_content_size.h"
#include "worker/blob/size_checked_source.h"
#include "worker/blob/string_source.h"
#include "worker/blob/verifying_source.h"
#include "worker/chunked/chunked_source.h"
#include "worker/crypt/decrypting_source.h"
#include "worker/crypt/encrypting_source.h"
#include "worker/crypt/encryption_annotations.h"
#include "worker/crypt/layer_secret.h"
#include "worker/image/chunked_annotations.h"
#include "worker/image/layer_types.h"

namespace holkas {
namespace {

// How often a blob is read again since its destination lost what it had of it.
constexpr int kMaxRewinds = 3;

// Where a layer is smaller, its size is not worth a request.
constexpr int64_t kMinGuessedBytes = 1 << 20;

// Counts what is read of a blob. What is read a second time is no progress.
class CountedSource : public ByteSource {
 public:
  CountedSource(std::unique_ptr<ByteSource> source, std::atomic<int64_t>& done_bytes)
      : source_(std::move(source)), done_bytes_(done_bytes) {}

  absl::StatusOr<size_t> Read(absl::Span<char> buffer) override {
    ASSIGN_OR_RETURN(const size_t count, source_->Read(buffer));
    Count(count);
    return count;
  }
  absl::StatusOr<absl::string_view> ReadPiece(absl::Span<char> buffer) override {
    ASSIGN_OR_RETURN(const absl::string_view piece, source_->ReadPiece(buffer));
    Count(piece.size());
    return piece;
  }

 private:
  void Count(size_t count) {
    read_bytes_ += static_cast<int64_t>(count);
    done_bytes_.store(std::max(read_bytes_, done_bytes_.load(std::memory_order_relaxed)),
                      std::memory_order_relaxed);
  }

  const std::unique_ptr<ByteSource> source_;
  std::atomic<int64_t>& done_bytes_;
  int64_t read_bytes_ = 0;
};

// Takes everything, for the sake of its digest.
class NoSink : public ByteSink {
 public:
  absl::Status Append(absl::string_view) override { return absl::OkStatus(); }
  absl::Status Finish(const Digest&, int64_t) override { return absl::OkStatus(); }
};

// What a blob is while it is moved.
struct Form {
  Compression from = Compression::kNone;
  Compression to = Compression::kNone;
  // Whether it becomes zstd:chunked.
  bool gets_contents = false;
  // What it is encrypted with in the end. The same each time, so that what the destination kept of
  // it goes with the rest.
  std::optional<LayerKey> key = std::nullopt;

  // Until it is encrypted.
  bool KeepsBytes() const { return from == to && !gets_contents; }
  bool IsAsItWas() const { return KeepsBytes() && !key.has_value(); }
};

// What a pipeline moved.
struct Moved {
  Digest digest;
  int64_t size_bytes = 0;
  // About its encryption, and its table of contents.
  std::map<std::string, std::string> annotations = {};
};

v1::LayerChange ChangeOf(Compression from, Compression to) {
  if (to == Compression::kNone) {
    return v1::LAYER_CHANGE_DECOMPRESSED;
  }
  return from == Compression::kNone ? v1::LAYER_CHANGE_COMPRESSED : v1::LAYER_CHANGE_RECOMPRESSED;
}

class Mover {
 public:
  Mover(const MoveContext& context, const PlannedBlob& blob, std::atomic<int64_t>& done_bytes)
      : context_(context), blob_(blob), done_bytes_(done_bytes) {}

  absl::StatusOr<MovedBlob> Move();

 private:
  // Whether what the destination has under the blob's own digest is as good as a copy.
  bool ReusableAsItIs() const;
  // The outcome where the destination has it; otherwise kAbsent's, COPIED.
  absl::StatusOr<v1::BlobOutcome> Reuse(const Descriptor& descriptor);

  // The outcome where the destination has the blob in some form that will do.
  absl::StatusOr<std::optional<MovedBlob>> ReuseAny();
  // The outcome where the layer is to be compressed, and the destination has the blob that the
  // source remembers of it.
  absl::StatusOr<std::optional<MovedBlob>> ReuseTwin();
  // The outcome where the destination has one of the forms that holkasd remembers, in the
  // compression that is wanted.
  absl::StatusOr<std::optional<MovedBlob>> ReuseKnown(const KnownBlobs::Twins& twins);
  // The outcome where the destination keeps layers unpacked and has the content that holkasd
  // remembers.
  absl::StatusOr<std::optional<MovedBlob>> ReuseUnpacked();

  // Tells holkasd where the blob is now.
  void RememberPlaces(const MovedBlob& moved) const;
  // ...and what two forms of its content are, after all bytes of both were read.
  void RememberTwin(Compression is, const KnownBlobs::Form& twin) const;
  void RememberUnpacked() const;

  absl::StatusOr<MovedBlob> MoveAsItIs();
  // Tells the destination how large a layer that is decompressed will be, where that helps.
  absl::Status GuessSize();
  absl::StatusOr<MovedBlob> MoveChangeable();
  absl::StatusOr<MovedBlob> MoveChanged(const Form& form);
  absl::StatusOr<MovedBlob> MoveEncrypted(Form form);
  // Opens the blob, and leaves it open for who reads it next.
  absl::StatusOr<Compression> Detect();

  // Moves into a sink of the destination's, again where it lost what it had. `made`: what comes
  // out, where that is known.
  absl::StatusOr<Moved> MoveToDestination(const Form& form, const std::optional<Moved>& made);
  absl::StatusOr<Moved> MoveInto(ByteSink& sink, const Form& form);
  absl::StatusOr<Moved> MoveChangedInto(ByteSink& sink, const Form& form);
  // The same, of what `source` gives.
  absl::StatusOr<Moved> DigestInto(ByteSink& sink, std::unique_ptr<ByteSource> source);
  // The same, of what `plain` gives, encrypted. `plain_digest`: of all of it, where that is known.
  absl::StatusOr<Moved> EncryptInto(ByteSink& sink, std::unique_ptr<ByteSource> plain,
                                    const std::optional<Digest>& plain_digest, const LayerKey& key);
  // Moves what `source` gives, and takes its digest. `buffer` is there longer than the source.
  absl::StatusOr<Moved> Pump(DigestingSource& source, ByteSink& sink, absl::Span<char> buffer);
  // The same where the destination takes the digest.
  absl::StatusOr<Moved> PumpUndigested(ByteSource& source, ByteSink& sink, absl::Span<char> buffer);
  absl::Status PumpUnchanged(ByteSink& sink);

  absl::StatusOr<std::unique_ptr<ByteSource>> Open();
  absl::StatusOr<std::unique_ptr<ByteSource>> OpenVerified();
  // The same error, unless the source's bytes are to blame.
  absl::Status Blame(const absl::Status& status, const Form& form);

  const MoveContext& context_;
  const PlannedBlob& blob_;
  std::atomic<int64_t>& done_bytes_;
  // What Detect opened.
  std::unique_ptr<ByteSource> opened_;
};

absl::StatusOr<MovedBlob> Mover::Move() {
  RETURN_IF_ERROR(context_.check());
  ASSIGN_OR_RETURN(const std::optional<MovedBlob> reused, ReuseAny());
  absl::StatusOr<MovedBlob> moved = reused.has_value() ? absl::StatusOr<MovedBlob>(*reused)
                                    : blob_.changeable ? MoveChangeable()
                                    : blob_.encrypt    ? MoveEncrypted({})
                                                       : MoveAsItIs();
  if (moved.ok()) {
    RememberPlaces(*moved);
  }
  return moved;
}

absl::StatusOr<std::optional<MovedBlob>> Mover::ReuseAny() {
  KnownBlobs::Twins twins;
  if (blob_.changeable && !blob_.encrypt) {
    ASSIGN_OR_RETURN(std::optional<MovedBlob> reused, ReuseTwin());
    if (reused.has_value()) {
      return reused;
    }
    if (context_.known != nullptr && !blob_.encrypted.has_value()) {
      twins = context_.known->FindTwins(blob_.descriptor.digest);
    }
  }
  // Where the layer would be changed, another form is what is wanted; else the last resort.
  const bool is_changed = twins.compression.has_value() &&
                          context_.policy.Wanted(*twins.compression) != twins.compression;
  if (is_changed) {
    ASSIGN_OR_RETURN(std::optional<MovedBlob> reused, ReuseKnown(twins));
    if (reused.has_value()) {
      return reused;
    }
  }
  if (ReusableAsItIs()) {
    ASSIGN_OR_RETURN(const v1::BlobOutcome outcome, Reuse(blob_.descriptor));
    if (outcome != v1::BLOB_OUTCOME_COPIED) {
      return MovedBlob{outcome};
    }
  }
  // A layout gets what the source has, whatever else is known.
  if (!is_changed && twins.compression.has_value() && context_.known->to_registry()) {
    return ReuseKnown(twins);
  }
  return ReuseUnpacked();
}

bool Mover::ReusableAsItIs() const {
  if (blob_.encrypt) {
    return false;
  }
  if (!blob_.changeable) {
    return true;
  }
  const Compression stated =
      CompressionOfLayerType(blob_.descriptor.media_type).value_or(Compression::kNone);
  return (context_.policy.Wanted(stated) == stated &&
          !context_.policy.WantsContents(stated, blob_.descriptor.annotations)) ||
         (context_.policy.form == LayerPolicy::Form::kCompressed &&
          !context_.policy.force_compression);
}

absl::StatusOr<v1::BlobOutcome> Mover::Reuse(const Descriptor& descriptor) {
  ASSIGN_OR_RETURN(const ImageDestination::Reuse reuse, context_.to.ReuseBlob(descriptor));
  switch (reuse) {
    case ImageDestination::Reuse::kPresent:
      return v1::BLOB_OUTCOME_ALREADY_PRESENT;
    case ImageDestination::Reuse::kMounted:
      return v1::BLOB_OUTCOME_MOUNTED;
    case ImageDestination::Reuse::kAbsent:
      break;
  }
  return context_.known != nullptr && context_.known->Mount(descriptor) ? v1::BLOB_OUTCOME_MOUNTED
                                                                        : v1::BLOB_OUTCOME_COPIED;
}

absl::StatusOr<std::optional<MovedBlob>> Mover::ReuseKnown(const KnownBlobs::Twins& twins) {
  // ReuseUnpacked is their way.
  if (context_.to.unpacks_layers()) {
    return std::nullopt;
  }
  const Compression wanted = context_.policy.Wanted(*twins.compression);
  // Nobody remembers a table of contents.
  if (context_.policy.with_contents || LayerTypeWith(blob_.descriptor.media_type, wanted).empty()) {
    return std::nullopt;
  }
  for (const KnownBlobs::Form& form : twins.forms) {
    if (form.compression != wanted) {
      continue;
    }
    Descriptor descriptor = blob_.descriptor;
    descriptor.digest = form.digest;
    descriptor.size_bytes = form.size_bytes;
    ASSIGN_OR_RETURN(const v1::BlobOutcome outcome, Reuse(descriptor));
    if (outcome != v1::BLOB_OUTCOME_COPIED) {
      return MovedBlob{outcome, ChangeOf(*twins.compression, wanted),
                       MadeLayer{form.digest, form.size_bytes, wanted, {}}};
    }
  }
  return std::nullopt;
}

absl::StatusOr<std::optional<MovedBlob>> Mover::ReuseUnpacked() {
  if (context_.known == nullptr || !context_.to.unpacks_layers() || blob_.encrypt ||
      blob_.encrypted.has_value() || blob_.kind != v1::BLOB_KIND_LAYER) {
    return std::nullopt;
  }
  for (const KnownBlobs::Form& form : context_.known->FindTwins(blob_.descriptor.digest).forms) {
    // A store compares that at the end, too; what is remembered wrongly is to cost no more than
    // this.
    if (form.compression != Compression::kNone ||
        context_.diff_digests.Find(blob_.descriptor.digest) != form.digest) {
      continue;
    }
    ASSIGN_OR_RETURN(const ImageDestination::Reuse reuse,
                     context_.to.ReuseUnpacked(blob_.descriptor, form.digest));
    if (reuse == ImageDestination::Reuse::kPresent) {
      return MovedBlob{v1::BLOB_OUTCOME_ALREADY_PRESENT};
    }
  }
  return std::nullopt;
}

void Mover::RememberPlaces(const MovedBlob& moved) const {
  if (context_.known == nullptr || blob_.encrypt || blob_.encrypted.has_value()) {
    return;
  }
  if (moved.outcome == v1::BLOB_OUTCOME_COPIED && !blob_.content.has_value()) {
    context_.known->RememberSource(blob_.descriptor.digest);
  }
  context_.known->RememberDestination(moved.made.has_value() ? moved.made->digest
                                                             : blob_.descriptor.digest);
}

void Mover::RememberTwin(Compression is, const KnownBlobs::Form& twin) const {
  if (context_.known != nullptr && !blob_.encrypted.has_value()) {
    context_.known->RememberTwins({blob_.descriptor.digest, blob_.descriptor.size_bytes, is}, twin);
  }
}

void Mover::RememberUnpacked() const {
  const std::optional<ImageDestination::Unpacked> unpacked =
      context_.to.FindUnpacked(blob_.descriptor);
  if (unpacked.has_value() && unpacked->compression != Compression::kNone) {
    RememberTwin(unpacked->compression,
                 {unpacked->plain, unpacked->plain_size_bytes, Compression::kNone});
  }
}

absl::StatusOr<std::optional<MovedBlob>> Mover::ReuseTwin() {
  const std::optional<ImageSource::CompressedTwin> twin =
      context_.from.FindCompressedTwin(blob_.descriptor);
  if (!twin.has_value() || context_.policy.with_contents ||
      context_.policy.Wanted(Compression::kNone) != twin->compression) {
    return std::nullopt;
  }
  Descriptor descriptor = blob_.descriptor;
  descriptor.digest = twin->digest;
  descriptor.size_bytes = twin->size_bytes;
  ASSIGN_OR_RETURN(const v1::BlobOutcome outcome, Reuse(descriptor));
  if (outcome == v1::BLOB_OUTCOME_COPIED) {
    return std::nullopt;
  }
  return MovedBlob{outcome, v1::LAYER_CHANGE_COMPRESSED,
                   MadeLayer{twin->digest, twin->size_bytes, twin->compression, {}}};
}

absl::StatusOr<MovedBlob> Mover::MoveAsItIs() {
  const Moved known{blob_.descriptor.digest, blob_.descriptor.size_bytes};
  RETURN_IF_ERROR(MoveToDestination({}, known).status());
  RememberUnpacked();
  if (!blob_.encrypted.has_value()) {
    return MovedBlob{v1::BLOB_OUTCOME_COPIED};
  }
  return MovedBlob{v1::BLOB_OUTCOME_COPIED, v1::LAYER_CHANGE_DECRYPTED,
                   MadeLayer{known.digest, known.size_bytes}};
}

absl::Status Mover::GuessSize() {
  const Descriptor& blob = blob_.descriptor;
  if (!context_.to.uses_guessed_sizes() || blob.size_bytes < kMinGuessedBytes ||
      blob_.encrypted.has_value() || blob_.content.has_value() ||
      CompressionOfLayerType(blob.media_type) != Compression::kGzip ||
      context_.policy.Wanted(Compression::kGzip) != Compression::kNone) {
    return absl::OkStatus();
  }
  const std::optional<int64_t> size_bytes =
      GuessGzipContentSize(context_.from.ReadBlobEnd(blob, kGzipSizeBytes), blob.size_bytes);
  return size_bytes.has_value() ? context_.to.GuessBlobSize(blob, *size_bytes) : absl::OkStatus();
}

absl::StatusOr<MovedBlob> Mover::MoveChangeable() {
  RETURN_IF_ERROR(GuessSize());
  ASSIGN_OR_RETURN(const Compression is, Detect());
  const Form form = {is, context_.policy.Wanted(is),
                     context_.policy.WantsContents(is, blob_.descriptor.annotations)};
  if (blob_.encrypt) {
    return MoveEncrypted(form);
  }
  if (!form.KeepsBytes()) {
    return MoveChanged(form);
  }
  if (!ReusableAsItIs()) {
    ASSIGN_OR_RETURN(const v1::BlobOutcome outcome, Reuse(blob_.descriptor));
    if (outcome != v1::BLOB_OUTCOME_COPIED) {
      return MovedBlob{outcome};
    }
  }
  return MoveAsItIs();
}

absl::StatusOr<MovedBlob> Mover::MoveChanged(const Form& form) {
  MovedBlob result{v1::BLOB_OUTCOME_COPIED, ChangeOf(form.from, form.to)};
  std::optional<Moved> made;
  if (context_.policy.precompute_digests) {
    NoSink nowhere;
    ASSIGN_OR_RETURN(made, MoveInto(nowhere, form));
    Descriptor descriptor = blob_.descriptor;
    descriptor.digest = made->digest;
    descriptor.size_bytes = made->size_bytes;
    ASSIGN_OR_RETURN(result.outcome, Reuse(descriptor));
  }
  if (result.outcome == v1::BLOB_OUTCOME_COPIED) {
    if (made.has_value()) {
      // Its place is under the digest that it does not have any more.
      RETURN_IF_ERROR(context_.to.EndBlob(blob_.descriptor));
    }
    ASSIGN_OR_RETURN(made, MoveToDestination(form, made));
  }
  result.made = MadeLayer{made->digest, made->size_bytes, form.to, std::move(made->annotations)};
  if (!form.gets_contents) {
    RememberTwin(form.from, {made->digest, made->size_bytes, form.to});
  }
  return result;
}

absl::StatusOr<MovedBlob> Mover::MoveEncrypted(Form form) {
  ASSIGN_OR_RETURN(form.key, LayerKey::New());
  ASSIGN_OR_RETURN(Moved moved, MoveToDestination(form, std::nullopt));
  const absl::string_view old_type = blob_.descriptor.media_type;
  const absl::string_view type = form.from == form.to ? old_type : LayerTypeWith(old_type, form.to);
  MovedBlob result{v1::BLOB_OUTCOME_COPIED, v1::LAYER_CHANGE_ENCRYPTED};
  result.made = MadeLayer{moved.digest, moved.size_bytes, form.to, std::move(moved.annotations),
                          EncryptedLayerType(type)};
  return result;
}

absl::StatusOr<Compression> Mover::Detect() {
  ASSIGN_OR_RETURN(std::unique_ptr<ByteSource> source, Open());
  ASSIGN_OR_RETURN(DetectedSource detected, DetectCompression(std::move(source)));
  opened_ = std::move(detected.source);
  return detected.compression;
}

absl::StatusOr<Moved> Mover::MoveToDestination(const Form& form, const std::optional<Moved>& made) {
  Descriptor descriptor = blob_.descriptor;
  if (made.has_value()) {
    descriptor.digest = made->digest;
  }
  descriptor.size_bytes = made.has_value() ? made->size_bytes : -1;
  ASSIGN_OR_RETURN(const std::unique_ptr<ByteSink> sink, context_.to.CreateBlob(descriptor));
  absl::StatusOr<Moved> moved = MoveInto(*sink, form);
  for (int i = 0; i < kMaxRewinds && !moved.ok() && context_.check().ok() && sink->Rewind().ok();
       ++i) {
    moved = MoveInto(*sink, form);
  }
  return moved;
}

absl::StatusOr<Moved> Mover::MoveInto(ByteSink& sink, const Form& form) {
  if (form.IsAsItWas()) {
    RETURN_IF_ERROR(PumpUnchanged(sink));
    return Moved{blob_.descriptor.digest, blob_.descriptor.size_bytes};
  }
  absl::StatusOr<Moved> moved = MoveChangedInto(sink, form);
  return moved.ok() ? moved : Blame(moved.status(), form);
}

absl::StatusOr<Moved> Mover::MoveChangedInto(ByteSink& sink, const Form& form) {
  ASSIGN_OR_RETURN(std::unique_ptr<ByteSource> source, OpenVerified());
  if (form.KeepsBytes()) {
    ASSIGN_OR_RETURN(Moved moved,
                     EncryptInto(sink, std::move(source), blob_.descriptor.digest, *form.key));
    moved.annotations.merge(ChunkedAnnotationsOf(blob_.descriptor.annotations));
    return moved;
  }
  if (form.from != Compression::kNone) {
    ASSIGN_OR_RETURN(source,
                     DecompressingSource::New(std::move(source), form.from, context_.expansion));
  }
  // Told at the end of the source.
  std::map<std::string, std::string> about_contents;
  if (form.gets_contents) {
    ASSIGN_OR_RETURN(source,
                     ChunkedSource::New(std::move(source), context_.compressor, about_contents));
  } else if (form.to != Compression::kNone) {
    source = context_.compressor.Compress(std::move(source));
  }
  ASSIGN_OR_RETURN(Moved moved, form.key.has_value()
                                    ? EncryptInto(sink, std::move(source), std::nullopt, *form.key)
                                    : DigestInto(sink, std::move(source)));
  moved.annotations.merge(about_contents);
  return moved;
}

absl::StatusOr<Moved> Mover::DigestInto(ByteSink& sink, std::unique_ptr<ByteSource> source) {
  const auto buffer = std::make_unique_for_overwrite<char[]>(kCopyBufferBytes);
  if (sink.FindsDigest()) {
    return PumpUndigested(*source, sink, {buffer.get(), kCopyBufferBytes});
  }
  DigestingSource digesting(std::move(source), &context_.pairing);
  return Pump(digesting, sink, {buffer.get(), kCopyBufferBytes});
}

absl::StatusOr<Moved> Mover::EncryptInto(ByteSink& sink, std::unique_ptr<ByteSource> plain,
                                         const std::optional<Digest>& plain_digest,
                                         const LayerKey& key) {
  DigestingSource* digesting_plain = nullptr;
  if (!plain_digest.has_value()) {
    auto digesting = std::make_unique<DigestingSource>(std::move(plain), nullptr);
    digesting_plain = digesting.get();
    plain = std::move(digesting);
  }
  ASSIGN_OR_RETURN(std::unique_ptr<EncryptingSource> owned,
                   EncryptingSource::New(std::move(plain), key));
  const EncryptingSource& encrypting = *owned;
  const auto buffer = std::make_unique_for_overwrite<char[]>(kCopyBufferBytes);
  DigestingSource source(std::move(owned), &context_.pairing);
  ASSIGN_OR_RETURN(Moved moved, Pump(source, sink, {buffer.get(), kCopyBufferBytes}));
  const LayerSecret secret = {
      key, digesting_plain != nullptr ? digesting_plain->Finish() : *plain_digest};
  ASSIGN_OR_RETURN(moved.annotations, context_.recipients->Annotate(secret, encrypting.hmac()));
  return moved;
}

absl::StatusOr<Moved> Mover::Pump(DigestingSource& source, ByteSink& sink,
                                  absl::Span<char> buffer) {
  const auto check = [&](int64_t) { return context_.check(); };
  RETURN_IF_ERROR(CopyBytes(source, sink, buffer, check).status());
  Moved moved{source.Finish(), source.size_bytes()};
  RETURN_IF_ERROR(sink.Finish(moved.digest, moved.size_bytes));
  return moved;
}

absl::StatusOr<Moved> Mover::PumpUndigested(ByteSource& source, ByteSink& sink,
                                            absl::Span<char> buffer) {
  const auto check = [&](int64_t) { return context_.check(); };
  ASSIGN_OR_RETURN(const int64_t size_bytes, CopyBytes(source, sink, buffer, check));
  ASSIGN_OR_RETURN(const Digest digest, sink.FinishUnknown(size_bytes));
  return Moved{digest, size_bytes};
}

absl::Status Mover::PumpUnchanged(ByteSink& sink) {
  const Descriptor& blob = blob_.descriptor;
  // Before what reads into it, so that it is there longer.
  const auto buffer = std::make_unique_for_overwrite<char[]>(kCopyBufferBytes);
  std::unique_ptr<ByteSource> checked;
  if (sink.VerifiesContent()) {
    ASSIGN_OR_RETURN(std::unique_ptr<ByteSource> source, Open());
    checked = std::make_unique<SizeCheckedSource>(std::move(source), blob.digest, blob.size_bytes);
  } else {
    ASSIGN_OR_RETURN(checked, OpenVerified());
  }
  const absl::Span<char> span(buffer.get(), kCopyBufferBytes);
  const auto check = [&](int64_t) { return context_.check(); };
  RETURN_IF_ERROR(CopyBytes(*checked, sink, span, check).status());
  return sink.Finish(blob.digest, blob.size_bytes);
}

absl::StatusOr<std::unique_ptr<ByteSource>> Mover::Open() {
  if (opened_ != nullptr) {
    return std::move(opened_);
  }
  if (blob_.content.has_value()) {
    return std::make_unique<CountedSource>(std::make_unique<StringSource>(*blob_.content),
                                           done_bytes_);
  }
  const Descriptor& blob =
      blob_.encrypted.has_value() ? blob_.encrypted->descriptor : blob_.descriptor;
  ASSIGN_OR_RETURN(std::unique_ptr<ByteSource> source, context_.from.OpenBlob(blob));
  source = std::make_unique<CountedSource>(std::move(source), done_bytes_);
  if (!blob_.encrypted.has_value()) {
    return source;
  }
  source = std::make_unique<VerifyingSource>(std::move(source), blob.digest, blob.size_bytes,
                                             &context_.pairing);
  return DecryptingSource::New(std::move(source), blob_.encrypted->key, blob_.encrypted->hmac,
                               blob.size_bytes);
}

absl::StatusOr<std::unique_ptr<ByteSource>> Mover::OpenVerified() {
  ASSIGN_OR_RETURN(std::unique_ptr<ByteSource> source, Open());
  return std::make_unique<VerifyingSource>(std::move(source), blob_.descriptor.digest,
                                           blob_.descriptor.size_bytes, &context_.pairing);
}

// A decompressor, or who reads a tar, stops at what it cannot read, before the digest is compared.
// It tells more.
absl::Status Mover::Blame(const absl::Status& status, const Form& form) {
  const std::string reason = ErrorReason(status);
  if (reason != "INVALID_COMPRESSION" && !(form.gets_contents && reason == "INVALID_LAYER")) {
    return status;
  }
  NoSink nowhere;
  RETURN_IF_ERROR(PumpUnchanged(nowhere));
  return WithContext(status, absl::StrCat("read blob ", blob_.descriptor.digest.ToString()));
}

}  // namespace

absl::StatusOr<MovedBlob> MoveBlob(const MoveContext& context, const PlannedBlob& blob,
                                   std::atomic<int64_t>& done_bytes) {
  return Mover(context, blob, done_bytes).Move();
}

}  // namespace holkas
