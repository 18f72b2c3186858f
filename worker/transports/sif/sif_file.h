#ifndef HOLKAS_WORKER_TRANSPORTS_SIF_SIF_FILE_H_
#define HOLKAS_WORKER_TRANSPORTS_SIF_SIF_FILE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "worker/archive/random_file.h"

namespace holkas {

// The header and the table of a Singularity image (SIF, version 01): which objects are in it, and
// where. Nothing here reads an object.
//
//     0  32  what a shell would run          64   8  made at, in seconds since 1970
//    32  10  "SIF_MAGIC\0"                   72   8  changed at
//    42   3  "01\0", the version             80   8  descriptors that are free, 88  8  all of them
//    45   3  "02\0": amd64                   96   8  where they begin,         104  8  their bytes
//    48  16  UUID                           112  16  where data begins, its bytes
//
// A descriptor has 585 bytes: 4 type, 1 in use, 4 number, 4 group, 4 link, 8 offset, 8 size, 8 size
// with padding, 32 times and owners, 128 name, 384 of its type; of a partition 4 its file system,
// 4 its kind, 3 its architecture.
struct SifFile {
  // No more descriptors than these; other tools make room for 48.
  static constexpr int64_t kMaxDescriptors = 4096;

  struct Object {
    int64_t offset = 0;
    int64_t size_bytes = 0;
  };

  // In Go's spelling; `unknown` where the header names none.
  std::string architecture;
  // A UUID.
  std::string id;
  int64_t modified_seconds = 0;
  // The partition with the operating system.
  Object root;
  // What the file's maker says of the partition: encrypted.
  bool is_root_encrypted = false;
  // The definition file, where there is exactly one. It may be shorter than this says.
  std::optional<Object> definition;
};

// Reads what `file` says of itself.
// Errors: FAILED_PRECONDITION (INVALID_ARCHIVE), in Skopeo's words where it has some;
// RESOURCE_EXHAUSTED (LIMIT_EXCEEDED); those of reading.
absl::StatusOr<SifFile> ReadSifFile(const RandomFile& file);

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_SIF_SIF_FILE_H_
