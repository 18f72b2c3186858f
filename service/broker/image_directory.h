#ifndef HOLKAS_SERVICE_BROKER_IMAGE_DIRECTORY_H_
#define HOLKAS_SERVICE_BROKER_IMAGE_DIRECTORY_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "broker/broker.pb.h"
#include "proto/wire/digest.h"
#include "proto/wire/unique_fd.h"
#include "service/policy/grants.h"

namespace holkas {

// Where the files of an image are in an OCI layout or an image directory, and how they are opened
// for reading: below the directory's root, through no symbolic link, regular files only. The root
// itself, or an archive, may be named through links, since the caller named it.

using PathKind = ReadPathGrant::Kind;

// The name of a file below the root: `blobs/sha256/<hex>`, `<hex>.manifest.json`...
// Errors: INTERNAL (WORKER_VIOLATION) for a kind or a digest that cannot be.
absl::StatusOr<std::string> FileName(PathKind path_kind, broker::FileKind kind,
                                     const std::optional<Digest>& digest);

// The name of a blob below a directory that has the blobs of several layouts: `sha256/<hex>`.
std::string SharedBlobName(const Digest& digest);

// Opens the directory `path`. Messages say that `shown` could not be opened: a worker is not told
// paths.
// Errors: NOT_FOUND, PERMISSION_DENIED (PATH_DENIED), FAILED_PRECONDITION where it is a file.
absl::StatusOr<UniqueFd> OpenRoot(const std::string& path, absl::string_view shown);

// Opens the regular file `name` below `root` for reading. A device or FIFO is never opened.
// Errors: NOT_FOUND; PERMISSION_DENIED (PATH_DENIED) where it is not a regular file, or a symbolic
// link is on the way. Messages show `name` alone.
absl::StatusOr<UniqueFd> OpenRegularBeneath(int root, const std::string& name);

// Opens the regular file `path` for reading, as OpenRegularBeneath; symbolic links may lead to it.
// Messages show `shown` in its place.
absl::StatusOr<UniqueFd> OpenRegularFile(const std::string& path, absl::string_view shown);

// The failure of `operation` on a file, as `open index.json: no such file or directory`.
absl::Status FileError(int error_number, absl::string_view operation, absl::string_view name);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_BROKER_IMAGE_DIRECTORY_H_
