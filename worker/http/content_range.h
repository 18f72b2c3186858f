#ifndef HOLKAS_WORKER_HTTP_CONTENT_RANGE_H_
#define HOLKAS_WORKER_HTTP_CONTENT_RANGE_H_

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"

namespace holkas {

// A Content-Range of a 206 response: `bytes first-last/total`.
struct ContentRange {
  int64_t first = 0;
  int64_t last = 0;    // not less than `first`
  int64_t total = -1;  // more than `last`; -1 for `*`
};

// Reads it strictly; nothing where it has any other form.
std::optional<ContentRange> ParseContentRange(absl::string_view value);

}  // namespace holkas

#endif  // HOLKAS_WORKER_HTTP_CONTENT_RANGE_H_
