#ifndef HOLKAS_WORKER_JOBS_KNOWN_BLOBS_H_
#define HOLKAS_WORKER_JOBS_KNOWN_BLOBS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "broker/broker.pb.h"
#include "proto/wire/digest.h"
#include "worker/blob/compression.h"
#include "worker/broker/broker.h"
#include "worker/image/descriptor.h"

namespace holkas {

// What holkasd remembers of blobs from earlier copies of the same caller, as one copy asks for it,
// and what this copy adds. Hints, all of it: whoever takes one looks whether it is true. It fails
// no copy: where there is no answer, nothing is known. Thread-safe.
class KnownBlobs {
 public:
  // `broker` outlives it.
  KnownBlobs(Broker& broker, const broker::JobSpec& job)
      : broker_(broker),
        from_registry_(job.source().has_registry()),
        to_registry_(job.destination().has_registry()) {}

  struct Form {
    Digest digest;
    int64_t size_bytes = 0;
    Compression compression = Compression::kNone;
  };
  struct Twins {
    // The blob's own; nothing where it is not known.
    std::optional<Compression> compression;
    // Blobs with the same content, the newest first.
    std::vector<Form> forms;
  };
  Twins FindTwins(const Digest& digest) const;

  bool to_registry() const { return to_registry_; }

  // Whether the destination has the blob now, from another repository of its registry. Blocks.
  bool Mount(const Descriptor& blob) const;

  // That two blobs have the same content. All bytes of both were read.
  void RememberTwins(const Form& one, const Form& other) const;
  // That a blob was read whole at the source; that the destination has it.
  void RememberSource(const Digest& digest) const;
  void RememberDestination(const Digest& digest) const;

 private:
  Broker& broker_;
  const bool from_registry_;
  const bool to_registry_;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_JOBS_KNOWN_BLOBS_H_
