#ifndef HOLKAS_WORKER_TRANSPORTS_REGISTRY_TAG_LIST_H_
#define HOLKAS_WORKER_TRANSPORTS_REGISTRY_TAG_LIST_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/transports/registry/registry_client.h"
#include "worker/transports/transport.h"

namespace holkas {

// The tags of a repository (OCI distribution-spec, end-8), page by page, as Skopeo gives them: in
// the registry's order, and without what is no tag (empty, or a digest).

// What a list of tags is never allowed to be more than.
struct TagListLimits {
  int pages;
  size_t page_bytes;  // as they come; some registries have no pages
  size_t tags;
  size_t tag_bytes;  // all tags together
};

// A part of an inspection, whose result is bounded as a whole too (kMaxResultBytes).
inline constexpr TagListLimits kInspectTagLimits = {1000, 4 << 20, 1'000'000, 8 << 20};
// A list of its own, which nobody holds as a whole.
inline constexpr TagListLimits kListTagsLimits = {10'000, 16 << 20, 1'000'000, 64 << 20};
// A tag never has more bytes than this; the specification says 128.
inline constexpr size_t kMaxTagBytes = 1024;
// Tags are handed on at the end of their page, or where they are so many before it: they fit into
// one frame of the broker protocol.
inline constexpr size_t kTagBatchBytes = 32 << 10;
inline constexpr size_t kTagBatchTags = 4000;

// Gives all tags of the client's repository to `on_tags`, those of a page before the next page is
// asked for. Holds no page as a whole, so that of a page that turns out to be malformed at its end
// some tags were given already.
// Errors: NOT_FOUND (REPOSITORY_UNKNOWN); RESOURCE_EXHAUSTED (LIMIT_EXCEEDED) for the limits;
// UNAVAILABLE (REGISTRY_UNAVAILABLE) for what is no list, a page that comes again and a next page
// in another place; those of `on_tags`.
absl::Status ReadTagPages(RegistryClient& client, const TagListLimits& limits,
                          const TagListener& on_tags);

// The same as one list, within kInspectTagLimits.
absl::StatusOr<std::vector<std::string>> ReadTagList(RegistryClient& client);

// Whether ReadTagList failed in the way of registries that do not show their tags but have them.
bool IsTagListRefusal(const absl::Status& status);

// Lists the tags of an image's repository: a row of transports.cc.
absl::Status ListRegistryTags(const TransportContext& context,
                              const broker::ImageLocation& location, const TagListener& on_tags);

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_REGISTRY_TAG_LIST_H_
