#include "worker/image/choose_platform.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <tuple>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/wire/error.h"
#include "worker/image/media_types.h"

namespace holkas {
namespace {

// The variants of ARM, each runs what is for those after it.
constexpr absl::string_view kArmVariants[] = {"v8", "v7", "v6", "v5"};

constexpr absl::string_view kZstdAnnotation = "io.github.containers.compression.zstd";

// The variants that do, the best first.
std::vector<absl::string_view> WantedVariants(const ImagePlatform& wanted) {
  if (wanted.variant.empty()) {
    return wanted.architecture == "arm64" ? std::vector<absl::string_view>{"", "v8"}
                                          : std::vector<absl::string_view>{""};
  }
  std::vector<absl::string_view> variants;
  auto known = std::find(std::begin(kArmVariants), std::end(kArmVariants), wanted.variant);
  if (wanted.architecture == "arm" && known != std::end(kArmVariants)) {
    variants.assign(known, std::end(kArmVariants));
  } else {
    variants.push_back(wanted.variant);
  }
  variants.push_back("");
  return variants;
}

bool IsZstd(const Descriptor& descriptor) {
  auto annotation = descriptor.annotations.find(std::string(kZstdAnnotation));
  return annotation != descriptor.annotations.end() && annotation->second == "true";
}

// How well the entry fits: smaller is better, more than `variants.size()` does not fit.
size_t RankOf(const ImageIndex::Entry& entry, const ImagePlatform& wanted,
              const std::vector<absl::string_view>& variants, bool is_list) {
  const size_t no_fit = variants.size() + 1;
  if (!entry.platform.has_value()) {
    return is_list ? no_fit : variants.size();
  }
  if (entry.platform->os != wanted.os || entry.platform->architecture != wanted.architecture) {
    return no_fit;
  }
  auto variant = std::find(variants.begin(), variants.end(), entry.platform->variant);
  return variant == variants.end() ? no_fit : static_cast<size_t>(variant - variants.begin());
}

absl::Status NotFound(const Manifest& index, const ImagePlatform& wanted) {
  const bool is_list = index.media_type() == kDockerListType;
  return MakeError(absl::StatusCode::kNotFound, "PLATFORM_NOT_FOUND",
                   absl::StrCat("no image found in ", is_list ? "manifest list" : "image index",
                                " for architecture \"", absl::CHexEscape(wanted.architecture),
                                "\", variant \"", absl::CHexEscape(wanted.variant), "\", OS \"",
                                absl::CHexEscape(wanted.os), "\""));
}

bool IsFor(const ImageIndex::Entry& entry, const ImagePlatform& wanted) {
  return entry.platform.has_value() && entry.platform->os == wanted.os &&
         entry.platform->architecture == wanted.architecture &&
         (wanted.variant.empty() || entry.platform->variant == wanted.variant);
}

}  // namespace

absl::StatusOr<const ImageIndex::Entry*> ChoosePlatform(const Manifest& index,
                                                        const ImagePlatform& wanted) {
  const bool is_list = index.media_type() == kDockerListType;
  const std::vector<absl::string_view> variants = WantedVariants(wanted);
  const ImageIndex::Entry* best = nullptr;
  std::tuple<size_t, bool> best_rank;
  for (const ImageIndex::Entry& entry : index.index().manifests) {
    std::tuple<size_t, bool> rank(RankOf(entry, wanted, variants, is_list),
                                  !IsZstd(entry.descriptor));
    if (std::get<0>(rank) <= variants.size() && (best == nullptr || rank < best_rank)) {
      best = &entry;
      best_rank = rank;
    }
  }
  if (best == nullptr) {
    return NotFound(index, wanted);
  }
  return best;
}

absl::StatusOr<std::vector<const ImageIndex::Entry*>> ChoosePlatforms(
    const Manifest& index, const std::vector<ImagePlatform>& wanted) {
  const std::vector<ImageIndex::Entry>& entries = index.index().manifests;
  for (const ImagePlatform& platform : wanted) {
    if (std::none_of(entries.begin(), entries.end(),
                     [&](const ImageIndex::Entry& entry) { return IsFor(entry, platform); })) {
      return NotFound(index, platform);
    }
  }
  std::vector<const ImageIndex::Entry*> chosen;
  for (const ImageIndex::Entry& entry : entries) {
    if (std::any_of(wanted.begin(), wanted.end(),
                    [&](const ImagePlatform& platform) { return IsFor(entry, platform); })) {
      chosen.push_back(&entry);
    }
  }
  return chosen;
}

}  // namespace holkas
