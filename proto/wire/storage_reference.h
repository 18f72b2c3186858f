#ifndef HOLKAS_PROTO_WIRE_STORAGE_REFERENCE_H_
#define HOLKAS_PROTO_WIRE_STORAGE_REFERENCE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/wire/image_reference.h"

namespace holkas {

// References of `containers-storage:` (containers-transports(5)), for image_reference.

// What stands behind `containers-storage:`.
absl::StatusOr<StorageReference> ParseStorage(absl::string_view details);
// What the brackets say, with them; empty where there are none.
std::string StoreText(const StorageReference& reference);

}  // namespace holkas

#endif  // HOLKAS_PROTO_WIRE_STORAGE_REFERENCE_H_
