#ifndef HOLKAS_WORKER_IMAGE_CHUNKED_ANNOTATIONS_H_
#define HOLKAS_WORKER_IMAGE_CHUNKED_ANNOTATIONS_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/strings/string_view.h"
#include "proto/wire/digest.h"

namespace holkas {

// What a manifest says of a layer in zstd:chunked, in annotations.

// Whether it is one of those. There are two generations of them: containers/storage 1.43, which
// Podman 4.3 has, begins them with `io.containers`, later ones with `io.github.containers`.
bool IsChunkedAnnotation(absl::string_view key);

// Where something is in the blob, without the head of its frame.
struct HeldFrame {
  int64_t offset = 0;
  int64_t size_bytes = 0;
  int64_t plain_size_bytes = 0;
};

// Annotations that both generations of readers find a layer's table of contents by. `digest`: of
// the compressed table.
std::map<std::string, std::string> ChunkedAnnotations(const HeldFrame& contents,
                                                      const Digest& digest,
                                                      const HeldFrame& tar_split);

// Those of `annotations` that are about a table of contents.
std::map<std::string, std::string> ChunkedAnnotationsOf(
    const std::map<std::string, std::string>& annotations);

// Whether later readers find a table of contents by these annotations.
bool HasContents(const std::map<std::string, std::string>& annotations);

}  // namespace holkas

#endif  // HOLKAS_WORKER_IMAGE_CHUNKED_ANNOTATIONS_H_
