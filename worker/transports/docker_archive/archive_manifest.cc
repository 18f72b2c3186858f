#include "worker/transports/docker_archive/archive_manifest.h"

#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/image_reference.h"
#include "proto/wire/status_macros.h"
#include "worker/archive/tar_table.h"
#include "worker/image/json_fields.h"
#include "worker/image/json_value.h"
#include "worker/image/strict_json.h"

namespace holkas {
namespace {

// How much of a name in an archive an error shows.
constexpr size_t kMaxShownBytes = 256;

constexpr absl::string_view kKeys[] = {"Config", "RepoTags", "Layers", "Parent", "LayerSources"};

absl::StatusOr<ArchiveImage> ParseImage(const JsonValue& item) {
  RETURN_IF_ERROR(CheckKeyCase(item, kKeys));
  ArchiveImage image;
  ASSIGN_OR_RETURN(image.config, GetString(item, "Config"));
  ASSIGN_OR_RETURN(auto tags, FindStrings(item, "RepoTags"));
  ASSIGN_OR_RETURN(auto layers, FindStrings(item, "Layers"));
  image.repo_tags = std::move(tags).value_or(std::vector<std::string>());
  image.layers = std::move(layers).value_or(std::vector<std::string>());
  return image;
}

absl::StatusOr<std::vector<ArchiveImage>> Parse(absl::string_view text) {
  ASSIGN_OR_RETURN(const JsonValue root, ParseStrictJson(text));
  std::vector<ArchiveImage> images;
  if (root.is_null()) {
    return images;
  }
  if (root.array() == nullptr) {
    return absl::InvalidArgumentError("it is no list");
  }
  for (const JsonValue& item : *root.array()) {
    ASSIGN_OR_RETURN(ArchiveImage image, ParseImage(item));
    images.push_back(std::move(image));
  }
  return images;
}

// The name of the image at the position `i`, from what is written there.
absl::StatusOr<RegistryReference> NameOf(absl::string_view tag, size_t i) {
  absl::StatusOr<RegistryReference> name = ParseImageName(tag);
  if (!name.ok()) {
    return InvalidArchive(
        absl::StrCat("Invalid tag \"", absl::CHexEscape(tag.substr(0, kMaxShownBytes)),
                     "\" in manifest.json item @", i, ": ", name.status().message()));
  }
  return name;
}

absl::Status InvalidReference(absl::string_view message) {
  return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_REFERENCE", message);
}

JsonValue Strings(const std::vector<std::string>& strings) {
  JsonArray array;
  for (const std::string& string : strings) {
    array.emplace_back(string);
  }
  return JsonValue(std::move(array));
}

}  // namespace

absl::StatusOr<std::vector<ArchiveImage>> ParseArchiveManifest(absl::string_view text) {
  absl::StatusOr<std::vector<ArchiveImage>> images = Parse(text);
  if (absl::IsInvalidArgument(images.status())) {
    return InvalidArchive(absl::StrCat("decoding tar manifest.json: ", images.status().message()));
  }
  RETURN_IF_ERROR(WithContext(images.status(), "decoding tar manifest.json"));
  return images;
}

absl::StatusOr<const ArchiveImage*> ChooseArchiveImage(const std::vector<ArchiveImage>& images,
                                                       const broker::DockerArchiveImage& wanted) {
  if (wanted.has_index()) {
    if (wanted.index() >= images.size()) {
      return InvalidReference(absl::StrCat("Invalid source index @", wanted.index(), ", only ",
                                           images.size(), " manifest items available"));
    }
    return &images[wanted.index()];
  }
  if (wanted.name().empty()) {
    if (images.size() != 1) {
      return InvalidReference(
          absl::StrCat("Unexpected tar manifest.json: expected 1 item, got ", images.size()));
    }
    return &images.front();
  }
  for (size_t i = 0; i < images.size(); ++i) {
    for (const std::string& tag : images[i].repo_tags) {
      ASSIGN_OR_RETURN(const RegistryReference name, NameOf(tag, i));
      if (name.Name() == wanted.name()) {
        return &images[i];
      }
    }
  }
  return MakeError(absl::StatusCode::kNotFound, "TAG_UNKNOWN",
                   absl::StrCat("Tag \"", wanted.name(), "\" not found"));
}

absl::StatusOr<std::vector<std::string>> NamesOf(const std::vector<ArchiveImage>& images) {
  std::vector<std::string> names;
  for (size_t i = 0; i < images.size(); ++i) {
    for (const std::string& tag : images[i].repo_tags) {
      ASSIGN_OR_RETURN(const RegistryReference name, NameOf(tag, i));
      if (name.tag.empty()) {
        return InvalidArchive(absl::StrCat("Invalid tag \"", absl::CHexEscape(tag),
                                           "\" in manifest.json item @", i, ": it has no tag"));
      }
      names.push_back(name.Name());
    }
    if (images[i].repo_tags.empty()) {
      names.push_back(absl::StrCat("@", i));
    }
  }
  return names;
}

std::string FormatArchiveManifest(const ArchiveImage& image) {
  return JsonValue(JsonArray{JsonValue(JsonObject{{"Config", JsonValue(image.config)},
                                                  {"RepoTags", Strings(image.repo_tags)},
                                                  {"Layers", Strings(image.layers)}})})
      .Write();
}

}  // namespace holkas
