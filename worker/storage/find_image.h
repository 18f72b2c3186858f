#ifndef HOLKAS_WORKER_STORAGE_FIND_IMAGE_H_
#define HOLKAS_WORKER_STORAGE_FIND_IMAGE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/wire/digest.h"
#include "worker/storage/records.h"

namespace holkas {

// What an image of a store is called: a name, an identity, or both.
struct StoredImageName {
  // Normalised, with a tag if it has one, without a digest; empty for none.
  std::string name;
  std::optional<Digest> digest;
  // All of an identity's digits or the first; empty for none.
  std::string id;

  // `name@digest`, as an image's record has it.
  std::string FullName() const;
  // `name@digest@id`, for messages.
  std::string ToString() const;
};

// The image of `images` that is meant, by Skopeo's rules: one that has exactly the name; with a
// digest one that has the manifest, and another name of the same repository; or the one whose
// identity begins so, which, where there is a name, has one of the same repository.
// Errors: NOT_FOUND (MANIFEST_UNKNOWN).
absl::StatusOr<const ImageRecord*> FindImage(const std::vector<ImageRecord>& images,
                                             const StoredImageName& wanted);

}  // namespace holkas

#endif  // HOLKAS_WORKER_STORAGE_FIND_IMAGE_H_
