#ifndef HOLKAS_WORKER_BLOB_GZIP_MEMBERS_H_
#define HOLKAS_WORKER_BLOB_GZIP_MEMBERS_H_

#include <memory>

#include "worker/blob/block_encoder.h"

namespace holkas {

inline constexpr int kHighestMembersLevel = 9;

// gzip with a member for each block (RFC 1952, 2.2), which libdeflate can make: it compresses
// better than ISA-L and several times as fast as zlib, and does not know what comes before.
// `level`: from 0 (stored) to kHighestMembersLevel (smallest); each makes about what Skopeo's level
// of that number does, or less, and the lower ones are ISA-L's, in part or all.
std::unique_ptr<BlockFormat> NewGzipMembersFormat(int level);

}  // namespace holkas

#endif  // HOLKAS_WORKER_BLOB_GZIP_MEMBERS_H_
