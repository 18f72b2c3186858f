#ifndef HOLKAS_WORKER_STORAGE_DELETE_STORED_IMAGE_H_
#define HOLKAS_WORKER_STORAGE_DELETE_STORED_IMAGE_H_

#include "absl/status/statusor.h"
#include "proto/wire/digest.h"
#include "worker/storage/find_image.h"
#include "worker/storage/store.h"

namespace holkas {

// Deletes an image with all its names, and the layers that nothing else has. With `only_name`, an
// image that has other names loses the name alone. Result: the digest of its manifest.
// Errors: NOT_FOUND (MANIFEST_UNKNOWN); FAILED_PRECONDITION (DESTINATION_CONFLICT) where a
// container uses it.
absl::StatusOr<Digest> DeleteStoredImage(const Store& store, const StoredImageName& name,
                                         bool only_name);

}  // namespace holkas

#endif  // HOLKAS_WORKER_STORAGE_DELETE_STORED_IMAGE_H_
