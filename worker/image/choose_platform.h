#ifndef HOLKAS_WORKER_IMAGE_CHOOSE_PLATFORM_H_
#define HOLKAS_WORKER_IMAGE_CHOOSE_PLATFORM_H_

#include <vector>

#include "absl/status/statusor.h"
#include "worker/image/descriptor.h"
#include "worker/image/manifest.h"

namespace holkas {

// The entry of an index that is for the platform, by Skopeo's rules: operating system and
// architecture are equal; of the variants the wanted one is best, on ARM then older ones, then
// none. Without a wanted variant one without, then the one that every CPU of the architecture has.
// Among equals one that is compressed with zstd, then the first. In an OCI index an entry without a
// platform is better than nothing.
//
// `index` is one (is_index()); it outlives the result, which is not null.
// Errors: NOT_FOUND (PLATFORM_NOT_FOUND).
absl::StatusOr<const ImageIndex::Entry*> ChoosePlatform(const Manifest& index,
                                                        const ImagePlatform& wanted);

// The entries of an index that are for any of the platforms, in its order: operating system and
// architecture are equal, and the variant where one is wanted. Each platform has an entry.
//
// `index` is one (is_index()); it outlives the result.
// Errors: NOT_FOUND (PLATFORM_NOT_FOUND).
absl::StatusOr<std::vector<const ImageIndex::Entry*>> ChoosePlatforms(
    const Manifest& index, const std::vector<ImagePlatform>& wanted);

}  // namespace holkas

#endif  // HOLKAS_WORKER_IMAGE_CHOOSE_PLATFORM_H_
