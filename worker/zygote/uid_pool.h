#ifndef HOLKAS_WORKER_ZYGOTE_UID_POOL_H_
#define HOLKAS_WORKER_ZYGOTE_UID_POOL_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace holkas {

// A holkasd that is root gives every living worker a user and group id of its own, from a range
// that belongs to nobody else on the machine; one more is the zygote's. There are two such pools,
// one behind the other: the second is the storage profile's.
inline constexpr unsigned kUidSlots = 512;
inline constexpr unsigned kUidPoolSize = kUidSlots + 1;
inline constexpr unsigned kUidPools = 2;

// Where the range of both begins: 0x70000000, which distributions leave free, or where this user
// namespace does not have those ids, the end of a range that it has. Reads /proc/self/uid_map and
// gid_map. Errors: FAILED_PRECONDITION where there are not enough ids.
absl::StatusOr<unsigned> ChooseUidPool();

// Empty where it cannot be read.
std::string ReadWholeFile(const char* path);

// The choice from the text of both maps.
absl::StatusOr<unsigned> ChooseUidPoolFrom(absl::string_view uid_map, absl::string_view gid_map);

}  // namespace holkas

#endif  // HOLKAS_WORKER_ZYGOTE_UID_POOL_H_
