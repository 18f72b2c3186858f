#ifndef HOLKAS_WORKER_TRANSPORTS_ANY_ARCHIVE_ANY_ARCHIVE_H_
#define HOLKAS_WORKER_TRANSPORTS_ANY_ARCHIVE_ANY_ARCHIVE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "broker/broker.pb.h"
#include "worker/transports/image_source.h"
#include "worker/transports/transport.h"

namespace holkas {

// An archive that comes without a word about its kind, by Import. Its members tell: manifest.json
// is a list in what `docker save` makes, which may have a layout beside it; an object in an archive
// of a directory; else index.json is that of an OCI layout.

// Opens it as what it is.
// Errors: those of Archive, and of the kinds; FAILED_PRECONDITION (INVALID_ARCHIVE) where it is
// none of them; INVALID_ARGUMENT (INVALID_REFERENCE) where images in that kind have no such names.
absl::StatusOr<std::unique_ptr<ImageSource>> OpenAnyArchiveSource(
    const TransportContext& context, const broker::ImageLocation& location);

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_ANY_ARCHIVE_ANY_ARCHIVE_H_
