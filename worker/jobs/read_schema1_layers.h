#ifndef HOLKAS_WORKER_JOBS_READ_SCHEMA1_LAYERS_H_
#define HOLKAS_WORKER_JOBS_READ_SCHEMA1_LAYERS_H_

#include <vector>

#include "absl/status/statusor.h"
#include "worker/image/convert_schema1.h"
#include "worker/image/schema1_manifest.h"
#include "worker/transports/image_source.h"

namespace holkas {

// What DiffIDs are wanted for.
enum class DiffIds { kUnknown, kComputed };

// What the layers of an image of schema 1 are, from the base up, found out by reading each of them
// once from beginning to end: its manifest tells their digests alone. The bytes are verified.
// Errors: those of the source and of DecompressingSource; DATA_LOSS (CONTENT_MISMATCH).
absl::StatusOr<std::vector<ReadLayer>> ReadSchema1Layers(ImageSource& from,
                                                         const Schema1Manifest& image,
                                                         DiffIds diff_ids);

}  // namespace holkas

#endif  // HOLKAS_WORKER_JOBS_READ_SCHEMA1_LAYERS_H_
