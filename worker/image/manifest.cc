#include "worker/image/manifest.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/manifest_digest.h"
#include "proto/wire/status_macros.h"
#include "worker/image/descriptor_json.h"
#include "worker/image/json_fields.h"
#include "worker/image/media_types.h"
#include "worker/image/strict_json.h"

namespace holkas {
namespace {

// How much of a refused media type an error shows.
constexpr size_t kMaxShownBytes = 128;

// The fields of all types of manifests; none may be written in another case.
constexpr absl::string_view kKnownKeys[] = {
    "schemaVersion", "mediaType", "config",  "layers",     "manifests", "annotations",
    "artifactType",  "subject",   "history", "signatures", "fsLayers",
};
// And those of schema 1 alone.
constexpr absl::string_view kSchema1Keys[] = {"name", "tag", "architecture"};

constexpr absl::string_view kNotInImages[] = {"manifests", "history", "fsLayers", "signatures"};
constexpr absl::string_view kNotInIndexes[] = {"config", "layers", "history", "fsLayers",
                                               "signatures"};
constexpr absl::string_view kNotInSchema1[] = {"config", "layers", "manifests"};

bool IsImageType(absl::string_view type) {
  return type == kOciManifestType || type == kDockerManifestType;
}

bool IsIndexType(absl::string_view type) {
  return type == kOciIndexType || type == kDockerListType;
}

bool IsSchema1Type(absl::string_view type) {
  return type == kDockerSchema1Type || type == kDockerSchema1SignedType;
}

absl::Status Invalid(absl::string_view why) { return absl::InvalidArgumentError(why); }

bool IsKnownType(absl::string_view type) {
  return IsImageType(type) || IsIndexType(type) || IsSchema1Type(type);
}

// The type without parameters such as `; charset=utf-8`.
std::string PlainType(absl::string_view type) {
  return absl::AsciiStrToLower(absl::StripAsciiWhitespace(type.substr(0, type.find(';'))));
}

// The type by what is inside, for manifests of before the field mediaType.
absl::StatusOr<absl::string_view> GuessType(const JsonValue& root) {
  if (FindField(root, "manifests") != nullptr) {
    return kOciIndexType;
  }
  const JsonValue* config = FindField(root, "config");
  if (config == nullptr) {
    return Invalid("neither an image manifest nor an index");
  }
  ASSIGN_OR_RETURN(std::string config_type, GetString(*config, "mediaType"));
  return config_type == kDockerConfigType ? kDockerManifestType : kOciManifestType;
}

// Schema 1 has no type inside; one that is there says nothing of whether it is signed.
absl::string_view Schema1TypeOf(const JsonValue& root) {
  return FindField(root, "signatures") != nullptr ? kDockerSchema1SignedType : kDockerSchema1Type;
}

absl::Status Disagreement(absl::string_view outside, absl::string_view inside) {
  return Invalid(absl::StrCat("the source says ", outside, ", \"mediaType\" says ", inside));
}

// The one type that source, field and content agree on.
absl::StatusOr<std::string> TypeOf(const JsonValue& root, absl::string_view source_type) {
  const std::string outside = PlainType(source_type);
  ASSIGN_OR_RETURN(const std::string inside, GetString(root, "mediaType"));
  ASSIGN_OR_RETURN(const std::optional<int64_t> version, FindInt64(root, "schemaVersion"));
  if (!inside.empty() && !IsKnownType(inside)) {
    return MakeError(
        absl::StatusCode::kUnimplemented, "MEDIA_TYPE_UNSUPPORTED",
        absl::StrCat("media type \"", absl::CHexEscape(inside.substr(0, kMaxShownBytes)),
                     "\" is not supported"));
  }
  const std::string& said = inside.empty() ? outside : inside;
  const bool is_known = IsKnownType(said);
  const bool is_schema1 = is_known ? IsSchema1Type(said) : version == 1;
  if (version != (is_schema1 ? 1 : 2)) {
    return Invalid(absl::StrCat("\"schemaVersion\" is not ", is_schema1 ? 1 : 2));
  }
  if (!inside.empty() && IsKnownType(outside) && inside != outside &&
      !(is_schema1 && IsSchema1Type(outside))) {
    return Disagreement(outside, inside);
  }
  if (is_schema1) {
    return std::string(Schema1TypeOf(root));
  }
  if (is_known) {
    return said;
  }
  ASSIGN_OR_RETURN(const absl::string_view guess, GuessType(root));
  return std::string(guess);
}

absl::Status CheckFields(const JsonValue& root, absl::string_view type,
                         absl::Span<const absl::string_view> forbidden) {
  for (absl::string_view key : forbidden) {
    if (root.Find(key) != nullptr) {
      return Invalid(absl::StrCat("ambiguous: \"", key, "\" in ", type));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckSubject(const JsonValue& root) {
  const JsonValue* subject = FindField(root, "subject");
  return subject == nullptr ? absl::OkStatus()
                            : WithContext(ParseDescriptor(*subject).status(), "subject");
}

absl::Status TooMany(absl::string_view what, size_t count, size_t limit) {
  return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                   absl::StrCat(count, " ", what, ", more than ", limit));
}

absl::StatusOr<ImageManifest> ParseImage(const JsonValue& root) {
  const JsonValue* config_json = FindField(root, "config");
  if (config_json == nullptr) {
    return Invalid("\"config\" is missing");
  }
  auto config = ParseDescriptor(*config_json);
  RETURN_IF_ERROR(WithContext(config.status(), "config"));
  ASSIGN_OR_RETURN(std::optional<std::string> artifact_type, FindString(root, "artifactType"));
  ImageManifest image{std::move(artifact_type), *std::move(config), {}};
  ASSIGN_OR_RETURN(const JsonArray* layers, FindArray(root, "layers"));
  if (layers == nullptr) {
    return image;
  }
  if (layers->size() > kMaxLayers) {
    return TooMany("layers", layers->size(), kMaxLayers);
  }
  for (const JsonValue& item : *layers) {
    auto layer = ParseDescriptor(item);
    RETURN_IF_ERROR(WithContext(layer.status(), absl::StrCat("layer ", image.layers.size())));
    image.layers.push_back(*std::move(layer));
  }
  return image;
}

absl::StatusOr<ImageIndex> ParseIndex(const JsonValue& root) {
  ImageIndex index;
  ASSIGN_OR_RETURN(const JsonArray* manifests, FindArray(root, "manifests"));
  if (manifests == nullptr) {
    return index;
  }
  if (manifests->size() > kMaxIndexEntries) {
    return TooMany("manifests", manifests->size(), kMaxIndexEntries);
  }
  for (const JsonValue& item : *manifests) {
    std::string where = absl::StrCat("manifest ", index.manifests.size());
    auto descriptor = ParseDescriptor(item);
    RETURN_IF_ERROR(WithContext(descriptor.status(), where));
    auto platform = ParsePlatform(item);
    RETURN_IF_ERROR(WithContext(platform.status(), where));
    index.manifests.push_back({*std::move(descriptor), *std::move(platform)});
  }
  return index;
}

// Whether the payload of a signed manifest, which its digest is that of, says the same.
absl::Status CheckPayload(const JsonValue& root, absl::string_view bytes) {
  const absl::StatusOr<std::string> payload = ManifestPayload(bytes);
  if (!payload.ok()) {
    return Invalid(payload.status().message());
  }
  absl::StatusOr<JsonValue> signed_root = ParseStrictJson(*payload);
  RETURN_IF_ERROR(WithContext(signed_root.status(), "payload"));
  JsonValue unsigned_root = root;
  JsonObject& members = *unsigned_root.object();
  members.erase(std::remove_if(members.begin(), members.end(),
                               [](const JsonMember& member) { return member.key == "signatures"; }),
                members.end());
  return unsigned_root.Write() == signed_root->Write()
             ? absl::OkStatus()
             : Invalid("ambiguous: what is signed differs from the manifest");
}

using Body = std::variant<ImageManifest, ImageIndex, Schema1Manifest>;

absl::StatusOr<Body> ParseBody(const JsonValue& root, RawManifest& raw) {
  RETURN_IF_ERROR(CheckKeyCase(root, kKnownKeys));
  ASSIGN_OR_RETURN(raw.media_type, TypeOf(root, raw.media_type));
  if (IsSchema1Type(raw.media_type)) {
    RETURN_IF_ERROR(CheckKeyCase(root, kSchema1Keys));
    RETURN_IF_ERROR(CheckFields(root, raw.media_type, kNotInSchema1));
    if (raw.media_type == kDockerSchema1SignedType) {
      RETURN_IF_ERROR(CheckPayload(root, raw.bytes));
    }
    ASSIGN_OR_RETURN(Schema1Manifest image, ParseSchema1(root));
    return Body(std::move(image));
  }
  RETURN_IF_ERROR(CheckSubject(root));
  if (IsIndexType(raw.media_type)) {
    RETURN_IF_ERROR(CheckFields(root, raw.media_type, kNotInIndexes));
    ASSIGN_OR_RETURN(ImageIndex index, ParseIndex(root));
    return Body(std::move(index));
  }
  RETURN_IF_ERROR(CheckFields(root, raw.media_type, kNotInImages));
  ASSIGN_OR_RETURN(ImageManifest image, ParseImage(root));
  return Body(std::move(image));
}

}  // namespace

absl::StatusOr<Manifest> Manifest::Parse(RawManifest raw) {
  std::string where = absl::StrCat("parse manifest ", raw.digest.ToString());
  if (raw.bytes.size() > static_cast<size_t>(kMaxManifestBytes)) {
    return WithContext(TooMany("bytes", raw.bytes.size(), kMaxManifestBytes), where);
  }
  absl::StatusOr<JsonValue> root = ParseStrictJson(raw.bytes);
  absl::StatusOr<Body> body =
      root.ok() ? ParseBody(*root, raw) : absl::StatusOr<Body>(root.status());
  if (!body.ok() && body.status().code() == absl::StatusCode::kInvalidArgument) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "INVALID_MANIFEST",
                     absl::StrCat(where, ": ", body.status().message()));
  }
  RETURN_IF_ERROR(WithContext(body.status(), where));
  return Manifest(std::move(raw), *std::move(body));
}

Descriptor Manifest::ToDescriptor() const {
  return Descriptor{media_type(), digest(), static_cast<int64_t>(bytes().size()), {}, {}};
}

}  // namespace holkas
