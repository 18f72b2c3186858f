#ifndef HOLKAS_WORKER_TRANSPORTS_OCI_BLOB_REFERENCES_H_
#define HOLKAS_WORKER_TRANSPORTS_OCI_BLOB_REFERENCES_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "proto/wire/digest.h"
#include "worker/broker/broker.h"
#include "worker/image/descriptor.h"

namespace holkas {

// Which blobs the manifests of the destination's layout lead to: so a deletion finds out what only
// its image needs. A manifest is read once, however many lists name it, since its digest says what
// is in it; one that is not there (a sparse index lists more than it has) leads to itself alone,
// and is looked for again the next time.
class BlobReferences {
 public:
  // `broker` outlives it.
  explicit BlobReferences(Broker& broker) : broker_(broker) {}

  // Reads the manifests and indexes that `images` lead to.
  // Errors: UNIMPLEMENTED (MEDIA_TYPE_UNSUPPORTED) for what is neither; DATA_LOSS
  // (CONTENT_MISMATCH); those of Manifest::Parse; RESOURCE_EXHAUSTED (LIMIT_EXCEEDED).
  absl::Status Read(absl::Span<const Descriptor> images);

  // What `removed` lead to and `kept` do not, the manifests themselves included. All of them were
  // given to Read.
  std::vector<Digest> OnlyOf(absl::Span<const Descriptor> removed,
                             absl::Span<const Descriptor> kept) const;

 private:
  // A place in `digests_`: an image's base layers are those of a hundred others.
  using Number = uint32_t;

  absl::StatusOr<Number> NumberOf(const Digest& digest);
  // Reads one manifest; result: what it lists, where that is manifests.
  absl::StatusOr<std::vector<Descriptor>> ReadOne(const Descriptor& image);
  // Marks what `images` lead to.
  std::vector<bool> Reach(absl::Span<const Descriptor> images) const;

  Broker& broker_;
  std::map<Digest, Number> numbers_;
  // The same in the order of their numbers, by pointers to the keys of `numbers_`.
  std::vector<const Digest*> digests_;
  // Of each manifest that was read, what it lists.
  std::map<Number, std::vector<Number>> references_;
  // Which of those that were read list manifests, and which.
  std::map<Number, std::vector<Descriptor>> indexes_;
  size_t reference_count_ = 0;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_OCI_BLOB_REFERENCES_H_
