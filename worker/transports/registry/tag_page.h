#ifndef HOLKAS_WORKER_TRANSPORTS_REGISTRY_TAG_PAGE_H_
#define HOLKAS_WORKER_TRANSPORTS_REGISTRY_TAG_PAGE_H_

#include <cstddef>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "worker/http/http_exchange.h"

namespace holkas {

// Reads the body of one page of a list of tags, a JSON object whose array `tags` has strings, while
// it arrives, and gives each of them to `on_tag`. Holds no more than one string at a time. An array
// that is missing or null has no tags.
// Errors: RESOURCE_EXHAUSTED (LIMIT_EXCEEDED) where the page has more than `max_bytes`, or 64 KiB
// in one word; UNAVAILABLE (REGISTRY_UNAVAILABLE) for what is no such page, and where the
// connection breaks; those of `on_tag`.
absl::Status ReadTagPage(HttpExchange& body, size_t max_bytes,
                         const std::function<absl::Status(std::string tag)>& on_tag);

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_REGISTRY_TAG_PAGE_H_
