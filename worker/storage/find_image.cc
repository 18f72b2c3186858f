#include "worker/storage/find_image.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/wire/error.h"

namespace holkas {
namespace {

// A name without tag and digest.
absl::string_view RepositoryOf(absl::string_view name) {
  name = name.substr(0, name.find('@'));
  const size_t slash = name.rfind('/');
  const size_t colon = name.rfind(':');
  const bool has_tag =
      colon != absl::string_view::npos && (slash == absl::string_view::npos || colon > slash);
  return has_tag ? name.substr(0, colon) : name;
}

bool HasRepository(const ImageRecord& image, absl::string_view name) {
  return std::any_of(image.names.begin(), image.names.end(), [&](const std::string& other) {
    return RepositoryOf(other) == RepositoryOf(name);
  });
}

const ImageRecord* FindByName(const std::vector<ImageRecord>& images,
                              const StoredImageName& wanted) {
  const std::string name = wanted.FullName();
  for (const ImageRecord& image : images) {
    if (std::find(image.names.begin(), image.names.end(), name) != image.names.end()) {
      return &image;
    }
  }
  if (wanted.digest.has_value()) {
    for (const ImageRecord& image : images) {
      if (image.HasManifest(*wanted.digest) && HasRepository(image, wanted.name)) {
        return &image;
      }
    }
  }
  return nullptr;
}

// Null too where several identities begin so.
const ImageRecord* FindById(const std::vector<ImageRecord>& images, absl::string_view id) {
  const ImageRecord* found = nullptr;
  for (const ImageRecord& image : images) {
    if (absl::StartsWith(image.id, id)) {
      if (found != nullptr) {
        return nullptr;
      }
      found = &image;
    }
  }
  return found;
}

}  // namespace

std::string StoredImageName::FullName() const {
  return digest.has_value() ? absl::StrCat(name, "@", digest->ToString()) : name;
}

std::string StoredImageName::ToString() const {
  return absl::StrCat(FullName(), id.empty() ? "" : "@", id);
}

absl::StatusOr<const ImageRecord*> FindImage(const std::vector<ImageRecord>& images,
                                             const StoredImageName& wanted) {
  const ImageRecord* image =
      wanted.id.empty() ? FindByName(images, wanted) : FindById(images, wanted.id);
  if (image == nullptr) {
    return MakeError(
        absl::StatusCode::kNotFound, "MANIFEST_UNKNOWN",
        absl::StrCat("reference \"", wanted.ToString(),
                     "\" does not resolve to an image ID: identifier is not an image"));
  }
  if (!wanted.id.empty() && !wanted.name.empty() && !HasRepository(*image, wanted.name)) {
    return MakeError(absl::StatusCode::kNotFound, "MANIFEST_UNKNOWN",
                     absl::StrCat("image ", image->id, " has no name of the repository of \"",
                                  wanted.name, "\": identifier is not an image"));
  }
  return image;
}

}  // namespace holkas
