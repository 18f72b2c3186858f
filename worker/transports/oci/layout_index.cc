#include "worker/transports/oci/layout_index.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/image/descriptor_json.h"
#include "worker/image/json_fields.h"
#include "worker/image/media_types.h"
#include "worker/image/strict_json.h"

namespace holkas {
namespace {

// OCI image-spec, annotations.md.
constexpr absl::string_view kRefName = "org.opencontainers.image.ref.name";
constexpr size_t kMaxShownBytes = 128;

constexpr absl::string_view kIndexKeys[] = {"schemaVersion", "mediaType",    "manifests",
                                            "annotations",   "artifactType", "subject"};
constexpr absl::string_view kEntryKeys[] = {"mediaType", "digest",      "size",     "urls",
                                            "data",      "annotations", "platform", "artifactType"};

absl::Status InvalidIndex(absl::string_view why) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "INVALID_MANIFEST",
                   absl::StrCat("parse index.json: ", why));
}

absl::Status NotFound(absl::string_view why) {
  return MakeError(absl::StatusCode::kNotFound, "MANIFEST_UNKNOWN", why);
}

bool IsManifestType(absl::string_view type) {
  return type == kOciManifestType || type == kOciIndexType || type == kDockerManifestType ||
         type == kDockerListType;
}

// The name of an entry; empty for none.
absl::string_view NameOf(const JsonValue& entry) {
  const JsonValue* annotations = entry.Find("annotations");
  const JsonValue* name = annotations == nullptr ? nullptr : annotations->Find(kRefName);
  return name == nullptr || name->string() == nullptr ? absl::string_view()
                                                      : absl::string_view(*name->string());
}

void Erase(JsonValue& object, absl::string_view key) {
  if (JsonObject* members = object.object()) {
    members->erase(std::remove_if(members->begin(), members->end(),
                                  [key](const JsonMember& member) { return member.key == key; }),
                   members->end());
  }
}

void RemoveName(JsonValue& entry) {
  JsonValue* annotations = entry.Find("annotations");
  Erase(*annotations, kRefName);
  if (annotations->object()->empty()) {
    Erase(entry, "annotations");
  }
}

absl::Status CheckEntries(const JsonValue& root) {
  RETURN_IF_ERROR(CheckKeyCase(root, kIndexKeys));
  ASSIGN_OR_RETURN(std::optional<int64_t> version, FindInt64(root, "schemaVersion"));
  if (version != 2) {
    return absl::InvalidArgumentError("\"schemaVersion\" is not 2");
  }
  ASSIGN_OR_RETURN(std::string media_type, GetString(root, "mediaType"));
  if (!media_type.empty() && media_type != kOciIndexType) {
    return absl::InvalidArgumentError("\"mediaType\" is not that of an index");
  }
  ASSIGN_OR_RETURN(const JsonArray* manifests, FindArray(root, "manifests"));
  if (manifests == nullptr) {
    return absl::OkStatus();
  }
  for (const JsonValue& entry : *manifests) {
    RETURN_IF_ERROR(CheckKeyCase(entry, kEntryKeys));
    RETURN_IF_ERROR(FindStringMap(entry, "annotations").status());
  }
  return absl::OkStatus();
}

absl::StatusOr<Descriptor> DescriptorOf(const JsonValue& entry) {
  absl::StatusOr<Descriptor> descriptor = ParseDescriptor(entry);
  if (descriptor.status().code() == absl::StatusCode::kInvalidArgument) {
    return InvalidIndex(descriptor.status().message());
  }
  RETURN_IF_ERROR(WithContext(descriptor.status(), "parse index.json"));
  return descriptor;
}

}  // namespace

absl::Status CheckIsManifest(const Descriptor& descriptor) {
  return IsManifestType(descriptor.media_type)
             ? absl::OkStatus()
             : MakeError(
                   absl::StatusCode::kUnimplemented, "MEDIA_TYPE_UNSUPPORTED",
                   absl::StrCat("unsupported mediaType in index: \"",
                                absl::CHexEscape(descriptor.media_type.substr(0, kMaxShownBytes)),
                                "\""));
}

LayoutIndex::LayoutIndex()
    : root_(JsonObject{{"schemaVersion", JsonValue(int64_t{2})},
                       {"manifests", JsonValue(JsonArray())}}) {}

absl::StatusOr<LayoutIndex> LayoutIndex::Parse(absl::string_view text) {
  absl::StatusOr<JsonValue> root = ParseStrictJson(text);
  absl::Status status = root.ok() ? CheckEntries(*root) : root.status();
  if (status.code() == absl::StatusCode::kInvalidArgument) {
    return InvalidIndex(status.message());
  }
  RETURN_IF_ERROR(WithContext(status, "parse index.json"));
  JsonValue* manifests = root->Find("manifests");
  if (manifests == nullptr) {
    root->object()->push_back({"manifests", JsonValue(JsonArray())});
  } else if (manifests->is_null()) {
    *manifests = JsonValue(JsonArray());
  }
  return LayoutIndex(*std::move(root));
}

absl::StatusOr<Descriptor> LayoutIndex::Choose(const broker::OciImage& image) const {
  ASSIGN_OR_RETURN(Found found, Find(image));
  return std::move(found.manifest);
}

absl::StatusOr<LayoutIndex::Found> LayoutIndex::Find(const broker::OciImage& image) const {
  const JsonArray& manifests = *root_.Find("manifests")->array();
  const auto at = [&manifests](size_t position) -> absl::StatusOr<Found> {
    ASSIGN_OR_RETURN(Descriptor manifest, DescriptorOf(manifests[position]));
    return Found{position, std::move(manifest)};
  };
  if (image.has_index()) {
    if (image.index() >= manifests.size()) {
      return NotFound(absl::StrCat("index ", image.index(), " is too large, only ",
                                   manifests.size(), " entries available"));
    }
    return at(image.index());
  }
  if (image.reference().empty()) {
    if (manifests.empty()) {
      return NotFound("no image in oci");
    }
    if (manifests.size() > 1) {
      return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_REFERENCE",
                       "more than one image in oci, choose an image");
    }
    return at(0);
  }
  std::string shown = absl::CHexEscape(image.reference());
  bool unsupported = false;
  for (size_t i = 0; i < manifests.size(); ++i) {
    if (NameOf(manifests[i]) != image.reference()) {
      continue;
    }
    ASSIGN_OR_RETURN(Found found, at(i));
    if (IsManifestType(found.manifest.media_type)) {
      return found;
    }
    unsupported = true;
  }
  if (unsupported) {
    return MakeError(
        absl::StatusCode::kUnimplemented, "MEDIA_TYPE_UNSUPPORTED",
        absl::StrCat("reference \"", shown, "\" matches unsupported manifest MIME types"));
  }
  return NotFound(absl::StrCat("no descriptor found for reference \"", shown, "\""));
}

absl::StatusOr<std::vector<Descriptor>> LayoutIndex::Entries() const {
  std::vector<Descriptor> entries;
  for (const JsonValue& entry : *root_.Find("manifests")->array()) {
    ASSIGN_OR_RETURN(Descriptor descriptor, DescriptorOf(entry));
    RETURN_IF_ERROR(CheckIsManifest(descriptor));
    entries.push_back(std::move(descriptor));
  }
  return entries;
}

void LayoutIndex::Remove(size_t position) {
  JsonArray& manifests = *root_.Find("manifests")->array();
  manifests.erase(manifests.begin() + static_cast<std::ptrdiff_t>(position));
}

void LayoutIndex::Add(const Descriptor& manifest, absl::string_view name) {
  JsonArray& manifests = *root_.Find("manifests")->array();
  Descriptor added = manifest;
  if (!name.empty()) {
    added.annotations[std::string(kRefName)] = std::string(name);
    for (JsonValue& entry : manifests) {
      if (NameOf(entry) == name) {
        RemoveName(entry);
      }
    }
  }
  for (JsonValue& entry : manifests) {
    const JsonValue* digest = entry.Find("digest");
    bool same = digest != nullptr && digest->string() != nullptr &&
                *digest->string() == manifest.digest.ToString();
    if (same && NameOf(entry).empty()) {
      entry = DescriptorToJson(added);
      return;
    }
  }
  manifests.push_back(DescriptorToJson(added));
}

}  // namespace holkas
