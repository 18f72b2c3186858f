#include "worker/transports/registry/registry_error.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "proto/wire/error.h"
#include "proto/wire/printable.h"

namespace holkas {
namespace {

// No registry has more to say.
constexpr size_t kMaxErrors = 16;
// What a message quotes of it.
constexpr size_t kMaxQuotedBytes = 256;

struct Meaning {
  absl::StatusCode code;
  absl::string_view reason;
};

struct CodeRow {
  absl::string_view registry_code;
  Meaning meaning;
};

constexpr Meaning kUnauthorized = {absl::StatusCode::kUnauthenticated, "REGISTRY_UNAUTHORIZED"};
constexpr Meaning kDenied = {absl::StatusCode::kPermissionDenied, "REGISTRY_DENIED"};
constexpr Meaning kBlobUnknown = {absl::StatusCode::kNotFound, "BLOB_UNKNOWN"};
constexpr Meaning kManifestUnknown = {absl::StatusCode::kNotFound, "MANIFEST_UNKNOWN"};
constexpr Meaning kDeleteDisabled = {absl::StatusCode::kFailedPrecondition, "DELETE_DISABLED"};
constexpr Meaning kInvalid = {absl::StatusCode::kFailedPrecondition, "INVALID_MANIFEST"};
constexpr Meaning kMismatch = {absl::StatusCode::kDataLoss, "CONTENT_MISMATCH"};
constexpr Meaning kTooLarge = {absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED"};
constexpr Meaning kUnavailable = {absl::StatusCode::kUnavailable, "REGISTRY_UNAVAILABLE"};

// The codes that say more than the HTTP status does.
constexpr CodeRow kCodes[] = {
    {"UNAUTHORIZED", kUnauthorized},         {"DENIED", kDenied},
    {"MANIFEST_UNKNOWN", kManifestUnknown},  {"MANIFEST_INVALID", kInvalid},
    {"MANIFEST_UNVERIFIED", kInvalid},       {"TAG_INVALID", kInvalid},
    {"MANIFEST_BLOB_UNKNOWN", kBlobUnknown}, {"BLOB_UNKNOWN", kBlobUnknown},
    {"DIGEST_INVALID", kMismatch},           {"SIZE_INVALID", kMismatch},
    {"TOOMANYREQUESTS", kUnavailable},
};

// What is missing where the registry says no more than 404, or that there is no such repository.
Meaning MissingObject(RegistryObject object) {
  switch (object) {
    case RegistryObject::kManifest:
    case RegistryObject::kDeletion:
      return kManifestUnknown;
    case RegistryObject::kBlob:
      return kBlobUnknown;
    case RegistryObject::kTagList:
    case RegistryObject::kUpload:
    case RegistryObject::kManifestUpload:
      break;
    case RegistryObject::kBase:
    case RegistryObject::kToken:
      return kUnavailable;
  }
  return {absl::StatusCode::kNotFound, "REPOSITORY_UNKNOWN"};
}

Meaning MeaningOfStatus(RegistryObject object, int status) {
  switch (status) {
    case 401:
      return kUnauthorized;
    case 404:
      return MissingObject(object);
    case 413:
      return kTooLarge;
    case 429:
      return kUnavailable;
    default:
      return status >= 400 && status < 500 ? kDenied : kUnavailable;
  }
}

// So answer registries that delete nothing, or not this (OCI distribution-spec, "Content
// Management").
bool SaysDeleteDisabled(int status, absl::string_view registry_code) {
  return status == 405 ||
         (status == 400 && (registry_code.empty() || registry_code == "UNSUPPORTED"));
}

Meaning MeaningOf(RegistryObject object, int status, absl::string_view registry_code) {
  if (object == RegistryObject::kDeletion && SaysDeleteDisabled(status, registry_code)) {
    return kDeleteDisabled;
  }
  const auto* row = std::find_if(
      std::begin(kCodes), std::end(kCodes),
      [&](const CodeRow& candidate) { return candidate.registry_code == registry_code; });
  // A status that stands for trouble of the registry's own is believed before its text.
  if (row != std::end(kCodes) && status >= 400 && status < 500 && status != 429) {
    return row->meaning;
  }
  return MeaningOfStatus(object, status);
}

std::string TextOf(RegistryObject object, int status, const std::optional<RegistryError>& error) {
  if (!error.has_value()) {
    if (status == 404 && object == RegistryObject::kManifest) {
      return "manifest unknown";
    }
    return status == 401 ? "authentication required"
                         : absl::StrCat("the registry answered with status ", status);
  }
  std::string text = absl::AsciiStrToLower(absl::StrReplaceAll(error->code, {{"_", " "}}));
  if (!error->message.empty() && !absl::EqualsIgnoreCase(error->message, text)) {
    absl::StrAppend(&text, ": ", error->message);
  }
  // Who repeats it wants to know whether that may help.
  return status >= 500 ? absl::StrCat(text, " (status ", status, ")") : text;
}

std::string TextField(const nlohmann::json& object, const char* name) {
  const auto field = object.find(name);
  return field != object.end() && field->is_string()
             ? Printable(field->get_ref<const std::string&>(), kMaxQuotedBytes)
             : std::string();
}

}  // namespace

std::vector<RegistryError> ParseRegistryErrors(absl::string_view body) {
  std::vector<RegistryError> result;
  if (body.size() > kMaxErrorBodyBytes) {
    return result;
  }
  const nlohmann::json root = nlohmann::json::parse(body.begin(), body.end(), nullptr, false);
  if (!root.is_object() || !root.contains("errors") || !root["errors"].is_array()) {
    return result;
  }
  for (const nlohmann::json& entry : root["errors"]) {
    if (result.size() == kMaxErrors || !entry.is_object()) {
      break;
    }
    result.push_back({TextField(entry, "code"), TextField(entry, "message")});
  }
  return result;
}

absl::Status RegistryAnswerError(RegistryObject object, int status, absl::string_view body) {
  std::optional<RegistryError> error;
  std::map<std::string, std::string> metadata = {{"http_status", absl::StrCat(status)}};
  if (std::vector<RegistryError> errors = ParseRegistryErrors(body); !errors.empty()) {
    error = std::move(errors.front());
    metadata["registry_code"] = error->code;
  }
  const Meaning meaning = MeaningOf(object, status, error.has_value() ? error->code : "");
  return MakeError(meaning.code, meaning.reason, TextOf(object, status, error), metadata);
}

absl::Status RegistryUrlError(const absl::Status& error, absl::string_view what) {
  if (absl::IsResourceExhausted(error)) {
    return WithContext(error, what);
  }
  return MakeError(kUnavailable.code, kUnavailable.reason,
                   absl::StrCat(what, ": ", error.message()));
}

}  // namespace holkas
