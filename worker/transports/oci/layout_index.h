#ifndef HOLKAS_WORKER_TRANSPORTS_OCI_LAYOUT_INDEX_H_
#define HOLKAS_WORKER_TRANSPORTS_OCI_LAYOUT_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "broker/broker.pb.h"
#include "worker/image/descriptor.h"
#include "worker/image/json_value.h"

namespace holkas {

// An index.json is never larger than this: some 30,000 images.
inline constexpr int64_t kMaxLayoutIndexBytes = 16 << 20;

// Whether what an index lists can be a manifest or index of a layout.
// Errors: UNIMPLEMENTED (MEDIA_TYPE_UNSUPPORTED).
absl::Status CheckIsManifest(const Descriptor& descriptor);

// The list of an OCI layout's images, `index.json` (OCI image-spec, image-layout.md). Keeps what it
// does not know, so that rewriting it loses nothing of other tools.
class LayoutIndex {
 public:
  // That of a layout without images.
  LayoutIndex();

  // Parses strictly (ParseStrictJson).
  // Errors: FAILED_PRECONDITION (INVALID_MANIFEST); RESOURCE_EXHAUSTED (LIMIT_EXCEEDED).
  static absl::StatusOr<LayoutIndex> Parse(absl::string_view text);

  // The manifest or index that a reference stands for: by its name, by its position, or the only
  // one where the reference says neither.
  // Errors: NOT_FOUND (MANIFEST_UNKNOWN); INVALID_ARGUMENT (INVALID_REFERENCE) where there are
  // several to choose from; UNIMPLEMENTED (MEDIA_TYPE_UNSUPPORTED); FAILED_PRECONDITION
  // (INVALID_MANIFEST) where the entry is malformed.
  absl::StatusOr<Descriptor> Choose(const broker::OciImage& image) const;

  // The same with its position in the list; errors as Choose.
  struct Found {
    size_t position = 0;
    Descriptor manifest;
  };
  absl::StatusOr<Found> Find(const broker::OciImage& image) const;

  // All manifests and indexes of the list, in its order, each with its annotations.
  // Errors: UNIMPLEMENTED (MEDIA_TYPE_UNSUPPORTED) where one is neither; FAILED_PRECONDITION
  // (INVALID_MANIFEST) where an entry is malformed.
  absl::StatusOr<std::vector<Descriptor>> Entries() const;

  // Removes the entry at a position that is one.
  void Remove(size_t position);

  // Makes `name` stand for the manifest. The entry that had the name loses it, and an entry without
  // a name for the same manifest is replaced, as Skopeo does. An empty name adds an entry without.
  void Add(const Descriptor& manifest, absl::string_view name);

  // The list as compact JSON.
  std::string Write() const { return root_.Write(); }

 private:
  explicit LayoutIndex(JsonValue root) : root_(std::move(root)) {}

  // An object with an array `manifests` of objects.
  JsonValue root_;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_OCI_LAYOUT_INDEX_H_
