#ifndef HOLKAS_WORKER_ZYGOTE_TREE_KEEPER_H_
#define HOLKAS_WORKER_ZYGOTE_TREE_KEEPER_H_

#include "proto/wire/frame_channel.h"

namespace holkas {

// What the keeper of a storage zygote does beside waiting for it: opens directories for holkasd,
// since only who has the host's mounts and privilege over them can do it, and a plain user's
// holkasd has none. It sees paths that holkasd has found to be granted, and nothing of an image.
//
// A directory is handed out as the root of a copy of its mounts that is attached nowhere: no
// path leads out of it, whatever Landlock does. In the copy no device opens, no program is executed
// and no symbolic link is followed, set-user-id bits mean nothing; of one that is read-only nothing
// can be changed, not even by who owns a file in it.

// Serves TreesRequests (proto/zygote) from `requests` until the process behind `zygote_pidfd` is
// gone.
void KeepTrees(FrameChannel& requests, int zygote_pidfd);

}  // namespace holkas

#endif  // HOLKAS_WORKER_ZYGOTE_TREE_KEEPER_H_
