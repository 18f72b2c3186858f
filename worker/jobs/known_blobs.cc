#include "worker/jobs/known_blobs.h"

#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace holkas {
namespace {

broker::BlobCompression ToBroker(Compression compression) {
  switch (compression) {
    case Compression::kNone:
      return broker::BLOB_COMPRESSION_NONE;
    case Compression::kGzip:
      return broker::BLOB_COMPRESSION_GZIP;
    case Compression::kBzip2:
      return broker::BLOB_COMPRESSION_BZIP2;
    case Compression::kXz:
      return broker::BLOB_COMPRESSION_XZ;
    case Compression::kZstd:
      return broker::BLOB_COMPRESSION_ZSTD;
  }
  return broker::BLOB_COMPRESSION_UNSPECIFIED;
}

std::optional<Compression> FromBroker(broker::BlobCompression compression) {
  switch (compression) {
    case broker::BLOB_COMPRESSION_NONE:
      return Compression::kNone;
    case broker::BLOB_COMPRESSION_GZIP:
      return Compression::kGzip;
    case broker::BLOB_COMPRESSION_BZIP2:
      return Compression::kBzip2;
    case broker::BLOB_COMPRESSION_XZ:
      return Compression::kXz;
    case broker::BLOB_COMPRESSION_ZSTD:
      return Compression::kZstd;
    default:
      return std::nullopt;
  }
}

void Set(const KnownBlobs::Form& form, broker::BlobForm& to) {
  to.set_digest(form.digest.ToString());
  to.set_size_bytes(form.size_bytes);
  to.set_compression(ToBroker(form.compression));
}

}  // namespace

KnownBlobs::Twins KnownBlobs::FindTwins(const Digest& digest) const {
  Twins twins;
  const absl::StatusOr<broker::Twins> answer = broker_.FindTwins(digest);
  if (!answer.ok()) {
    return twins;
  }
  twins.compression = FromBroker(answer->compression());
  for (const broker::BlobForm& form : answer->forms()) {
    absl::StatusOr<Digest> known = Digest::Parse(form.digest());
    const std::optional<Compression> compression = FromBroker(form.compression());
    if (known.ok() && compression.has_value()) {
      twins.forms.push_back({*std::move(known), form.size_bytes(), *compression});
    }
  }
  return twins;
}

bool KnownBlobs::Mount(const Descriptor& blob) const {
  return to_registry_ && blob.size_bytes >= 0 &&
         broker_.MountBlob(blob.digest, blob.size_bytes).value_or(false);
}

void KnownBlobs::RememberTwins(const Form& one, const Form& other) const {
  if (one.size_bytes < 0 || other.size_bytes < 0) {
    return;
  }
  broker::Remember told;
  Set(one, *told.mutable_blob());
  Set(other, *told.mutable_twin());
  broker_.Remember(told).IgnoreError();
}

void KnownBlobs::RememberSource(const Digest& digest) const {
  if (from_registry_) {
    broker::Remember told;
    told.mutable_blob()->set_digest(digest.ToString());
    told.set_at_source(true);
    broker_.Remember(told).IgnoreError();
  }
}

void KnownBlobs::RememberDestination(const Digest& digest) const {
  if (to_registry_) {
    broker::Remember told;
    told.mutable_blob()->set_digest(digest.ToString());
    told.set_at_destination(true);
    broker_.Remember(told).IgnoreError();
  }
}

}  // namespace holkas
