#include "worker/image/chunked_annotations.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace holkas {
namespace {

constexpr absl::string_view kPrefix = "io.github.containers.zstd-chunked.";
constexpr absl::string_view kOldPrefix = "io.containers.zstd-chunked.";
constexpr absl::string_view kDigest = "manifest-checksum";
constexpr absl::string_view kPosition = "manifest-position";
constexpr absl::string_view kTarSplitPosition = "tarsplit-position";
// The only kind of table that there is.
constexpr int kContentsType = 1;

}  // namespace

bool IsChunkedAnnotation(absl::string_view key) {
  return absl::StartsWith(key, kPrefix) || absl::StartsWith(key, kOldPrefix);
}

std::map<std::string, std::string> ChunkedAnnotations(const HeldFrame& contents,
                                                      const Digest& digest,
                                                      const HeldFrame& tar_split) {
  std::map<std::string, std::string> annotations;
  for (const absl::string_view prefix : {kPrefix, kOldPrefix}) {
    annotations.emplace(absl::StrCat(prefix, kDigest), digest.ToString());
    annotations.emplace(absl::StrCat(prefix, kPosition),
                        absl::StrCat(contents.offset, ":", contents.size_bytes, ":",
                                     contents.plain_size_bytes, ":", kContentsType));
  }
  annotations.emplace(
      absl::StrCat(kPrefix, kTarSplitPosition),
      absl::StrCat(tar_split.offset, ":", tar_split.size_bytes, ":", tar_split.plain_size_bytes));
  return annotations;
}

std::map<std::string, std::string> ChunkedAnnotationsOf(
    const std::map<std::string, std::string>& annotations) {
  std::map<std::string, std::string> chunked;
  for (const auto& [key, text] : annotations) {
    if (IsChunkedAnnotation(key)) {
      chunked.emplace(key, text);
    }
  }
  return chunked;
}

bool HasContents(const std::map<std::string, std::string>& annotations) {
  return annotations.contains(absl::StrCat(kPrefix, kDigest));
}

}  // namespace holkas
