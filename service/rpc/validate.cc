#include "service/rpc/validate.h"

#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {

absl::Status InvalidField(const std::string& field, absl::string_view why) {
  return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_FIELD",
                   absl::StrCat("field ", field, " ", why), {{"field", field}});
}

namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr int kMaxRepeated = 1000;
constexpr double kMaxRetryDelaySeconds = 3600;
constexpr int kMaxRetries = 100;
constexpr int kMaxParallelBlobs = 16;
constexpr int kMaxPlatforms = 100;
// As LayerRecipient, LayerEncryption, DecryptionKey and CopyRequest say.
constexpr size_t kMaxKeyFileBytes = 16 << 10;
constexpr int kMaxKeys = 16;

absl::Status Unimplemented(const std::string& field, absl::string_view why) {
  return MakeError(absl::StatusCode::kUnimplemented, "OPTION_UNIMPLEMENTED",
                   absl::StrCat("field ", field, " ", why), {{"field", field}});
}

// Bytes of a file, which have a limit of their own.
bool IsFile(const FieldDescriptor& field) {
  return field.containing_type() == v1::TlsCertificates::descriptor() ||
         field.containing_type() == v1::LayerRecipient::descriptor() ||
         (field.containing_type() == v1::DecryptionKey::descriptor() && field.name() == "key");
}

absl::Status CheckField(const Message& message, const FieldDescriptor& field,
                        const std::string& path);

// What holds for every message: nothing unknown, no enum value unknown, strings bounded. Messages
// have the depth of their types, none of which contains itself.
absl::Status CheckMessage(const Message& message, const std::string& path) {
  const Reflection& reflection = *message.GetReflection();
  if (!reflection.GetUnknownFields(message).empty()) {
    const int number = reflection.GetUnknownFields(message).field(0).number();
    return Unimplemented(absl::StrCat(path, number), "is not known to this server");
  }
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    const std::string field_path = absl::StrCat(path, field->name());
    if (!field->is_repeated()) {
      RETURN_IF_ERROR(CheckField(message, *field, field_path));
      continue;
    }
    const int size = reflection.FieldSize(message, field);
    if (size > kMaxRepeated) {
      return InvalidField(field_path, absl::StrCat("has more than ", kMaxRepeated, " entries"));
    }
    for (int i = 0; i < size && field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE; ++i) {
      RETURN_IF_ERROR(CheckMessage(reflection.GetRepeatedMessage(message, field, i),
                                   absl::StrCat(field_path, "[", i, "].")));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckField(const Message& message, const FieldDescriptor& field,
                        const std::string& path) {
  const Reflection& reflection = *message.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return CheckMessage(reflection.GetMessage(message, &field), path + ".");
    case FieldDescriptor::CPPTYPE_ENUM: {
      const int value = reflection.GetEnumValue(message, &field);
      if (field.enum_type()->FindValueByNumber(value) == nullptr) {
        return Unimplemented(path, absl::StrCat("has the unknown value ", value));
      }
      return absl::OkStatus();
    }
    case FieldDescriptor::CPPTYPE_STRING: {
      std::string scratch;
      const std::string& text = reflection.GetStringReference(message, &field, &scratch);
      if (!IsFile(field) && text.size() > kMaxStringBytes) {
        return InvalidField(path, absl::StrCat("is longer than ", kMaxStringBytes, " bytes"));
      }
      if (field.type() == FieldDescriptor::TYPE_STRING && absl::StrContains(text, '\0')) {
        return InvalidField(path, "holds a NUL byte");
      }
      return absl::OkStatus();
    }
    default:
      return absl::OkStatus();
  }
}

absl::Status CheckImage(const std::string& field, const std::string& image) {
  return image.empty() ? InvalidField(field, "is required") : absl::OkStatus();
}

absl::Status CheckCertificates(const std::string& field, const v1::TlsCertificates& certificates) {
  const size_t size = certificates.ca_pem().size() + certificates.client_key_pem().size() +
                      certificates.client_certificate_pem().size();
  if (size > kMaxCertificateBytes) {
    return InvalidField(field, absl::StrCat("is larger than ", kMaxCertificateBytes, " bytes"));
  }
  if (certificates.client_certificate_pem().empty() != certificates.client_key_pem().empty()) {
    return InvalidField(field, "needs client_certificate_pem and client_key_pem together");
  }
  return absl::OkStatus();
}

// The platforms are there with MULTI_ARCH_PLATFORMS and only then, each once.
absl::Status CheckPlatforms(const v1::CopyRequest& request) {
  if (request.multi_arch() != v1::MULTI_ARCH_PLATFORMS) {
    return request.platforms().empty()
               ? absl::OkStatus()
               : InvalidField("platforms", "are for MULTI_ARCH_PLATFORMS alone");
  }
  if (request.platforms().empty() || request.platforms_size() > kMaxPlatforms) {
    return InvalidField("platforms", absl::StrCat("must be 1 to ", kMaxPlatforms));
  }
  std::set<std::string> seen;
  for (const v1::Platform& platform : request.platforms()) {
    if (platform.os().empty() || platform.architecture().empty()) {
      return InvalidField("platforms", "need os and architecture");
    }
    const std::string text =
        absl::StrCat(platform.os(), "/", platform.architecture(), "/", platform.variant());
    if (!seen.insert(text).second) {
      return InvalidField("platforms", "hold one twice");
    }
  }
  return absl::OkStatus();
}

bool HasControlCharacter(absl::string_view text) {
  for (char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      return true;
    }
  }
  return false;
}

absl::Status CheckRegistry(const std::string& field, const v1::RegistryAccess& access) {
  if (access.has_basic()) {
    const std::string& name = access.basic().username();
    if (name.empty() || absl::StrContains(name, ':') || HasControlCharacter(name)) {
      return InvalidField(field + ".basic.username",
                          "must not be empty and not hold a colon or control characters");
    }
    if (HasControlCharacter(access.basic().password())) {
      return InvalidField(field + ".basic.password", "must not hold control characters");
    }
  }
  // It becomes a header line as it is.
  if (access.credentials_case() == v1::RegistryAccess::kBearerToken &&
      (access.bearer_token().empty() || HasControlCharacter(access.bearer_token()))) {
    return InvalidField(field + ".bearer_token",
                        "must not be empty and not hold control characters");
  }
  if (access.credentials_case() == v1::RegistryAccess::kIdentityToken &&
      (access.identity_token().empty() || HasControlCharacter(access.identity_token()))) {
    return InvalidField(field + ".identity_token",
                        "must not be empty and not hold control characters");
  }
  if (!access.auth_file().empty() &&
      access.credentials_case() != v1::RegistryAccess::CREDENTIALS_NOT_SET) {
    return InvalidField(field + ".auth_file", "does not go with credentials");
  }
  return CheckCertificates(field + ".certificates", access.certificates());
}

absl::Status CheckKeyFile(const std::string& field, const std::string& key) {
  if (key.empty()) {
    return InvalidField(field, "is required");
  }
  return key.size() > kMaxKeyFileBytes
             ? InvalidField(field, absl::StrCat("is longer than ", kMaxKeyFileBytes, " bytes"))
             : absl::OkStatus();
}

absl::Status CheckEncryption(const v1::CopyRequest& request) {
  const v1::LayerEncryption& encryption = request.encryption();
  if (request.has_encryption() && request.decryption_keys_size() > 0) {
    return InvalidField("decryption_keys", "do not go with encryption");
  }
  if (request.has_encryption() && encryption.recipients().empty()) {
    return InvalidField("encryption.recipients", "is required");
  }
  if (encryption.recipients_size() > kMaxKeys || request.decryption_keys_size() > kMaxKeys) {
    return InvalidField(request.has_encryption() ? "encryption.recipients" : "decryption_keys",
                        absl::StrCat("has more than ", kMaxKeys, " entries"));
  }
  for (const v1::LayerRecipient& recipient : encryption.recipients()) {
    if (recipient.wrapping() == v1::KEY_WRAPPING_UNSPECIFIED) {
      return InvalidField("encryption.recipients.wrapping", "is required");
    }
    RETURN_IF_ERROR(CheckKeyFile("encryption.recipients.key", recipient.key()));
  }
  for (const v1::DecryptionKey& key : request.decryption_keys()) {
    RETURN_IF_ERROR(CheckKeyFile("decryption_keys.key", key.key()));
  }
  return absl::OkStatus();
}

// A UUID as RFC 9562 writes it, where there is one.
absl::Status CheckRequestId(const std::string& id) {
  constexpr absl::string_view kForm = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  bool is_uuid = id.size() == kForm.size();
  for (size_t i = 0; i < id.size() && is_uuid; ++i) {
    is_uuid = kForm[i] == '-' ? id[i] == '-' : absl::ascii_isxdigit(id[i]);
  }
  return is_uuid || id.empty() ? absl::OkStatus() : InvalidField("request_id", "is no UUID");
}

absl::Status CheckRetry(const v1::RetryPolicy& retry) {
  if (retry.max_retries() < 0 || retry.max_retries() > kMaxRetries) {
    return InvalidField("retry.max_retries", absl::StrCat("must be 0 to ", kMaxRetries));
  }
  if (!std::isfinite(retry.delay_seconds()) || retry.delay_seconds() < 0 ||
      retry.delay_seconds() > kMaxRetryDelaySeconds) {
    return InvalidField("retry.delay_seconds",
                        absl::StrCat("must be 0 to ", kMaxRetryDelaySeconds));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ValidateRequest(const v1::InspectRequest& request) {
  RETURN_IF_ERROR(CheckMessage(request, ""));
  RETURN_IF_ERROR(CheckImage("image", request.image()));
  RETURN_IF_ERROR(CheckRegistry("registry", request.registry()));
  return CheckRetry(request.retry());
}

namespace {

// What holds for the copy of every rpc that has one, wherever it is from and goes.
absl::Status CheckCopy(const v1::CopyRequest& request) {
  RETURN_IF_ERROR(CheckMessage(request, ""));
  RETURN_IF_ERROR(CheckRegistry("source_registry", request.source_registry()));
  RETURN_IF_ERROR(CheckRegistry("destination_registry", request.destination_registry()));
  RETURN_IF_ERROR(CheckRetry(request.retry()));
  RETURN_IF_ERROR(CheckEncryption(request));
  if (request.max_parallel_blobs() < 0 || request.max_parallel_blobs() > kMaxParallelBlobs) {
    return InvalidField("max_parallel_blobs", absl::StrCat("must be 0 to ", kMaxParallelBlobs));
  }
  if (request.force_compression_format() &&
      request.compression_format() == v1::COMPRESSION_FORMAT_UNSPECIFIED) {
    return InvalidField("force_compression_format", "needs compression_format");
  }
  RETURN_IF_ERROR(CheckPlatforms(request));
  return CheckRequestId(request.request_id());
}

// `why`: as `has no meaning there`.
absl::Status CheckUnset(const std::string& field, bool is_set, absl::string_view why) {
  return is_set ? InvalidField(field, why) : absl::OkStatus();
}

}  // namespace

absl::Status WithinField(const std::string& outer, const absl::Status& status) {
  std::map<std::string, std::string> metadata = ErrorMetadata(status);
  const auto field = metadata.find("field");
  if (field == metadata.end()) {
    return status;
  }
  absl::string_view rest = status.message();
  const bool is_named = absl::ConsumePrefix(&rest, absl::StrCat("field ", field->second));
  field->second = absl::StrCat(outer, ".", field->second);
  return MakeError(
      status.code(), ErrorReason(status),
      is_named ? absl::StrCat("field ", field->second, rest) : std::string(status.message()),
      metadata);
}

absl::Status ValidateRequest(const v1::CopyRequest& request) {
  RETURN_IF_ERROR(CheckCopy(request));
  RETURN_IF_ERROR(CheckImage("source", request.source()));
  return CheckImage("destination", request.destination());
}

absl::Status ValidateRequest(const v1::ImportOptions& request) {
  constexpr absl::string_view kWhy = "must be unset: the archive is the source";
  const v1::CopyRequest& copy = request.copy();
  RETURN_IF_ERROR(WithinField("options", CheckMessage(request, "")));
  RETURN_IF_ERROR(CheckUnset("options.copy.source", !copy.source().empty(), kWhy));
  RETURN_IF_ERROR(CheckUnset("options.copy.source_registry", copy.has_source_registry(), kWhy));
  RETURN_IF_ERROR(CheckImage("options.copy.destination", copy.destination()));
  if (request.size_bytes() < 0) {
    return InvalidField("options.size_bytes", "must not be negative");
  }
  return WithinField("options.copy", CheckCopy(copy));
}

absl::Status ValidateRequest(const v1::ExportRequest& request) {
  constexpr absl::string_view kWhy = "must be unset: the archive is the destination";
  const v1::CopyRequest& copy = request.copy();
  RETURN_IF_ERROR(CheckMessage(request, ""));
  RETURN_IF_ERROR(CheckUnset("copy.destination", !copy.destination().empty(), kWhy));
  RETURN_IF_ERROR(CheckUnset("copy.destination_registry", copy.has_destination_registry(), kWhy));
  RETURN_IF_ERROR(CheckUnset("copy.request_id", !copy.request_id().empty(),
                             "must be unset: who attached later would not get the archive"));
  RETURN_IF_ERROR(CheckImage("copy.source", copy.source()));
  return WithinField("copy", CheckCopy(copy));
}

absl::Status ValidateRequest(const v1::CheckCredentialsRequest& request) {
  RETURN_IF_ERROR(CheckMessage(request, ""));
  RETURN_IF_ERROR(CheckImage("registry", request.registry()));
  return CheckRegistry("access", request.access());
}

absl::Status ValidateRequest(const v1::DeleteRequest& request) {
  RETURN_IF_ERROR(CheckMessage(request, ""));
  RETURN_IF_ERROR(CheckImage("image", request.image()));
  RETURN_IF_ERROR(CheckRegistry("registry", request.registry()));
  RETURN_IF_ERROR(CheckRetry(request.retry()));
  return CheckRequestId(request.request_id());
}

absl::Status ValidateRequest(const v1::ListTagsRequest& request) {
  RETURN_IF_ERROR(CheckMessage(request, ""));
  RETURN_IF_ERROR(CheckImage("repository", request.repository()));
  RETURN_IF_ERROR(CheckRegistry("registry", request.registry()));
  return CheckRetry(request.retry());
}

}  // namespace holkas
