#ifndef HOLKAS_WORKER_ZYGOTE_STORAGE_IDS_H_
#define HOLKAS_WORKER_ZYGOTE_STORAGE_IDS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace holkas {

// Which user and group ids the user namespace of the storage profile has, so that a layer's files
// belong on disk to whom podman would give them.

// `count` ids from `inner` on in the namespace, which are those from `outer` on outside.
struct IdRange {
  uint64_t inner = 0;
  uint64_t outer = 0;
  uint64_t count = 0;

  bool operator==(const IdRange& other) const {
    return inner == other.inner && outer == other.outer && count == other.count;
  }
};

struct StorageIds {
  std::vector<IdRange> users;
  std::vector<IdRange> groups;
};

// Root's: all ids that this namespace has, each itself. `uid_map` and `gid_map` are the texts of
// /proc/self/uid_map and gid_map.
StorageIds AllIds(absl::string_view uid_map, absl::string_view gid_map);

// A plain user's, as `podman unshare` has them: the user is 0, and what /etc/subuid and /etc/subgid
// (their texts) give to the user, named `name` or by number, is 1 and so on. Where one of the files
// gives nothing, the user alone.
StorageIds SubordinateIds(absl::string_view subuid, absl::string_view subgid,
                          absl::string_view name, unsigned uid, unsigned gid);

// Those of who runs this process; reads the files. `name` is the user's.
StorageIds StorageIdsOfSelf(absl::string_view name);

// Gives them to the user namespace of the process, from outside of it: with privilege, or for more
// than the user alone by newuidmap and newgidmap.
// Errors: those of writing; PERMISSION_DENIED where one of the programs fails or is not there.
absl::Status WriteIdMaps(const StorageIds& ids, int process);

}  // namespace holkas

#endif  // HOLKAS_WORKER_ZYGOTE_STORAGE_IDS_H_
