#include "worker/transports/oci/blob_references.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "broker/broker.pb.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/image/manifest.h"
#include "worker/transports/files/manifest_file.h"
#include "worker/transports/oci/layout_index.h"

namespace holkas {
namespace {

// Of one deletion. Some 160 bytes each.
constexpr size_t kMaxBlobs = 1'000'000;
// Four bytes each: as many images as a list of images has room for, of 100 layers.
constexpr size_t kMaxReferences = 10'000'000;

absl::Status TooMany(absl::string_view what, size_t limit) {
  return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                   absl::StrCat(what, " of a layout: more than ", limit));
}

std::vector<Descriptor> ListedBy(const Manifest& manifest) {
  std::vector<Descriptor> listed;
  if (manifest.is_index()) {
    for (const ImageIndex::Entry& entry : manifest.index().manifests) {
      listed.push_back(entry.descriptor);
    }
    return listed;
  }
  listed = manifest.image().layers;
  listed.push_back(manifest.image().config);
  return listed;
}

}  // namespace

absl::StatusOr<BlobReferences::Number> BlobReferences::NumberOf(const Digest& digest) {
  const auto [entry, is_new] = numbers_.emplace(digest, static_cast<Number>(numbers_.size()));
  if (is_new) {
    if (digests_.size() >= kMaxBlobs) {
      return TooMany("blobs", kMaxBlobs);
    }
    digests_.push_back(&entry->first);
  }
  return entry->second;
}

absl::StatusOr<std::vector<Descriptor>> BlobReferences::ReadOne(const Descriptor& image) {
  RETURN_IF_ERROR(CheckIsManifest(image));
  ASSIGN_OR_RETURN(const Number number, NumberOf(image.digest));
  if (references_.count(number) > 0) {
    const auto index = indexes_.find(number);
    return index == indexes_.end() ? std::vector<Descriptor>() : index->second;
  }
  absl::StatusOr<RawManifest> raw =
      ReadManifestFile(broker_, broker::PLACE_DESTINATION, image.digest, image.media_type);
  if (absl::IsNotFound(raw.status())) {
    return std::vector<Descriptor>();
  }
  RETURN_IF_ERROR(raw.status());
  ASSIGN_OR_RETURN(const Manifest manifest, Manifest::Parse(*std::move(raw)));
  const std::vector<Descriptor> listed = ListedBy(manifest);
  reference_count_ += listed.size();
  if (reference_count_ > kMaxReferences) {
    return TooMany("references", kMaxReferences);
  }
  std::vector<Number>& references = references_[number];
  for (const Descriptor& descriptor : listed) {
    ASSIGN_OR_RETURN(const Number listed_number, NumberOf(descriptor.digest));
    references.push_back(listed_number);
  }
  if (!manifest.is_index()) {
    return std::vector<Descriptor>();
  }
  return indexes_[number] = listed;
}

absl::Status BlobReferences::Read(absl::Span<const Descriptor> images) {
  std::vector<Descriptor> to_read(images.begin(), images.end());
  std::set<Digest> looked_at;
  while (!to_read.empty()) {
    const Descriptor image = std::move(to_read.back());
    to_read.pop_back();
    if (!looked_at.insert(image.digest).second) {
      continue;
    }
    ASSIGN_OR_RETURN(std::vector<Descriptor> listed, ReadOne(image));
    for (Descriptor& descriptor : listed) {
      to_read.push_back(std::move(descriptor));
    }
  }
  return absl::OkStatus();
}

std::vector<bool> BlobReferences::Reach(absl::Span<const Descriptor> images) const {
  std::vector<bool> reached(digests_.size());
  std::vector<Number> to_follow;
  for (const Descriptor& image : images) {
    to_follow.push_back(numbers_.at(image.digest));
  }
  while (!to_follow.empty()) {
    const Number number = to_follow.back();
    to_follow.pop_back();
    if (reached[number]) {
      continue;
    }
    reached[number] = true;
    const auto references = references_.find(number);
    if (references != references_.end()) {
      to_follow.insert(to_follow.end(), references->second.begin(), references->second.end());
    }
  }
  return reached;
}

std::vector<Digest> BlobReferences::OnlyOf(absl::Span<const Descriptor> removed,
                                           absl::Span<const Descriptor> kept) const {
  const std::vector<bool> of_removed = Reach(removed);
  const std::vector<bool> of_kept = Reach(kept);
  std::vector<Digest> only;
  for (size_t i = 0; i < digests_.size(); ++i) {
    if (of_removed[i] && !of_kept[i]) {
      only.push_back(*digests_[i]);
    }
  }
  return only;
}

}  // namespace holkas
