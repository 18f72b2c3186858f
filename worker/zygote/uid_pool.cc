#include "worker/zygote/uid_pool.h"

#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace holkas {
namespace {

constexpr uint64_t kPreferredBase = 0x70000000;
// From the end of a range: past `nobody` (65534) and its like, within what nobody gives to users.
constexpr uint64_t kDistanceFromEnd = 2048;

struct Range {
  uint64_t first;
  uint64_t count;
};

std::vector<Range> ParseMap(absl::string_view map) {
  std::vector<Range> ranges;
  for (absl::string_view line : absl::StrSplit(map, '\n', absl::SkipWhitespace())) {
    const std::vector<absl::string_view> words =
        absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    Range range;
    if (words.size() == 3 && absl::SimpleAtoi(words[0], &range.first) &&
        absl::SimpleAtoi(words[2], &range.count)) {
      ranges.push_back(range);
    }
  }
  return ranges;
}

bool Has(const std::vector<Range>& ranges, uint64_t base) {
  for (const Range& range : ranges) {
    if (range.first <= base && base + kUidPools * kUidPoolSize <= range.first + range.count) {
      return true;
    }
  }
  return false;
}

}  // namespace

std::string ReadWholeFile(const char* path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

absl::StatusOr<unsigned> ChooseUidPoolFrom(absl::string_view uid_map, absl::string_view gid_map) {
  const std::vector<Range> uids = ParseMap(uid_map);
  const std::vector<Range> gids = ParseMap(gid_map);
  std::vector<uint64_t> candidates = {kPreferredBase};
  for (const Range& range : uids) {
    if (range.count > 2 * kDistanceFromEnd) {
      candidates.push_back(range.first + range.count - kDistanceFromEnd);
    }
  }
  for (uint64_t base : candidates) {
    if (Has(uids, base) && Has(gids, base)) {
      return static_cast<unsigned>(base);
    }
  }
  return absl::FailedPreconditionError(
      "choose user ids for workers: this user namespace has too few; run holkasd as another user "
      "than root");
}

absl::StatusOr<unsigned> ChooseUidPool() {
  return ChooseUidPoolFrom(ReadWholeFile("/proc/self/uid_map"),
                           ReadWholeFile("/proc/self/gid_map"));
}

}  // namespace holkas
