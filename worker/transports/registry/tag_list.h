#ifndef HOLKAS_WORKER_TRANSPORTS_REGISTRY_TAG_LIST_H_
#define HOLKAS_WORKER_TRANSPORTS_REGISTRY_TAG_LIST_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/transports/registry/registry_client.h"

namespace holkas {

// A list of tags never has more pages than this.
inline constexpr int kMaxTagPages = 1000;
// A page of it never has more bytes than this; some registries have no pages.
inline constexpr size_t kMaxTagPageBytes = 4 << 20;
// A repository's tags never have more bytes than this together: the result has room for 10 MiB.
inline constexpr size_t kMaxTagListBytes = 8 << 20;
// A repository never has more tags than this.
inline constexpr size_t kMaxTags = 1'000'000;

// All tags of the client's repository in the registry's order, page by page. What is no tag (empty,
// or a digest) is left out.
// Errors: NOT_FOUND (REPOSITORY_UNKNOWN); RESOURCE_EXHAUSTED (LIMIT_EXCEEDED) for the bounds above;
// UNAVAILABLE (REGISTRY_UNAVAILABLE) for what is no list, a page that comes again and a next page
// in another place.
absl::StatusOr<std::vector<std::string>> ReadTagList(RegistryClient& client);

// Whether ReadTagList failed in the way of registries that do not show their tags but have them.
bool IsTagListRefusal(const absl::Status& status);

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_REGISTRY_TAG_LIST_H_
