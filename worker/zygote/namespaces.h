#ifndef HOLKAS_WORKER_ZYGOTE_NAMESPACES_H_
#define HOLKAS_WORKER_ZYGOTE_NAMESPACES_H_

#include <sys/types.h>

#include <optional>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"

namespace holkas {

// Tier F's namespaces, entered once by the zygote's keeper; workers inherit all but the PID
// namespace, of which each has its own.

// The id that is mapped to a plain user's own, or to the first slot of a pool. None is 0.
inline constexpr unsigned kFirstInnerUid = 1;

// Moves the process into new user, mount, network, IPC, UTS and cgroup namespaces: its root is an
// empty read-only directory, its network has no interface that is up, and no user namespace can be
// made below it. The next process that it makes is the first of a new PID namespace.
//
// `uid_pool` is given by root: the ids from there on are mapped from kFirstInnerUid on, and the
// process becomes the last of them. Without it the process is mapped to kFirstInnerUid.
absl::Status EnterNamespaces(std::optional<unsigned> uid_pool);

// The parts of it, which the storage profile puts together in another way
// (Zygote::EnterStorageProfile).

// A map of many ids must be written from outside, with privilege: by a child that stays there,
// which calls `write_maps` with the id of this process once that is in its new user namespace.
absl::Status EnterUserNamespace(absl::FunctionRef<absl::Status(pid_t process)> write_maps);

// No user namespace can be made below this one.
absl::Status ForbidUserNamespaces();

// Makes an empty read-only directory the root of this mount namespace, which nobody else is in.
absl::Status EnterEmptyRoot();

// Writes `text` to the file `path`, which is there, at once.
absl::Status WriteFile(const std::string& path, const std::string& text);

}  // namespace holkas

#endif  // HOLKAS_WORKER_ZYGOTE_NAMESPACES_H_
