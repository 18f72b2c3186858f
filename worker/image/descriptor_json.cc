#include "worker/image/descriptor_json.h"

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/wire/digest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/image/json_fields.h"

namespace holkas {
namespace {

constexpr absl::string_view kDescriptorKeys[] = {
    "mediaType", "digest", "size", "urls", "annotations", "data", "platform", "artifactType",
};
constexpr absl::string_view kPlatformKeys[] = {
    "architecture", "os", "os.version", "os.features", "variant", "features",
};

}  // namespace

absl::StatusOr<Descriptor> ParseDescriptor(const JsonValue& value) {
  RETURN_IF_ERROR(CheckKeyCase(value, kDescriptorKeys));
  ASSIGN_OR_RETURN(std::string media_type, GetString(value, "mediaType"));
  ASSIGN_OR_RETURN(std::string digest_text, GetString(value, "digest"));
  ASSIGN_OR_RETURN(Digest digest, Digest::Parse(digest_text));
  ASSIGN_OR_RETURN(std::optional<int64_t> size_bytes, FindInt64(value, "size"));
  if (!size_bytes.has_value() || *size_bytes < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"size\" of ", digest.ToString(), " is missing or negative"));
  }
  ASSIGN_OR_RETURN(auto annotations, FindStringMap(value, "annotations"));
  ASSIGN_OR_RETURN(auto urls, FindStrings(value, "urls"));
  return Descriptor{std::move(media_type), std::move(digest), *size_bytes,
                    std::move(annotations).value_or(std::map<std::string, std::string>()),
                    std::move(urls).value_or(std::vector<std::string>())};
}

absl::StatusOr<std::optional<ImagePlatform>> ParsePlatform(const JsonValue& descriptor) {
  const JsonValue* value = FindField(descriptor, "platform");
  if (value == nullptr) {
    return std::nullopt;
  }
  RETURN_IF_ERROR(WithContext(CheckKeyCase(*value, kPlatformKeys), "platform"));
  ImagePlatform platform;
  ASSIGN_OR_RETURN(platform.os, GetString(*value, "os"));
  ASSIGN_OR_RETURN(platform.architecture, GetString(*value, "architecture"));
  ASSIGN_OR_RETURN(platform.variant, GetString(*value, "variant"));
  return platform;
}

JsonValue DescriptorToJson(const Descriptor& descriptor) {
  JsonObject object;
  if (!descriptor.media_type.empty()) {
    object.push_back({"mediaType", JsonValue(descriptor.media_type)});
  }
  object.push_back({"digest", JsonValue(descriptor.digest.ToString())});
  object.push_back({"size", JsonValue(descriptor.size_bytes)});
  if (!descriptor.urls.empty()) {
    JsonArray urls;
    for (const std::string& url : descriptor.urls) {
      urls.emplace_back(url);
    }
    object.push_back({"urls", JsonValue(std::move(urls))});
  }
  if (!descriptor.annotations.empty()) {
    JsonObject annotations;
    for (const auto& [key, text] : descriptor.annotations) {
      annotations.push_back({key, JsonValue(text)});
    }
    object.push_back({"annotations", JsonValue(std::move(annotations))});
  }
  return JsonValue(std::move(object));
}

}  // namespace holkas
