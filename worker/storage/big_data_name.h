#ifndef HOLKAS_WORKER_STORAGE_BIG_DATA_NAME_H_
#define HOLKAS_WORKER_STORAGE_BIG_DATA_NAME_H_

#include <string>

#include "absl/strings/string_view.h"

namespace holkas {

// The name of the file in which a store keeps a piece of an image's data: the key itself where it
// has small letters, digits and dots alone, else `=` and the key's base64.
std::string BigDataFileName(absl::string_view key);

}  // namespace holkas

#endif  // HOLKAS_WORKER_STORAGE_BIG_DATA_NAME_H_
