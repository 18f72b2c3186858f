#include "worker/transports/registry/registry_delete.h"

#include <sys/random.h>

#include <array>
#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/blob/byte_sink.h"
#include "worker/image/media_types.h"
#include "worker/transports/registry/registry_manifest.h"
#include "worker/transports/registry/registry_upload.h"

namespace holkas {
namespace {

// The configuration of a placeholder.
constexpr absl::string_view kEmptyConfig = "{}";

bool IsDeleted(int http_status) {
  return http_status == 202 || http_status == 200 || http_status == 204;
}

// Whether somebody had better look if the deletion was done nevertheless: its answer was lost, or
// is that of a second attempt.
bool IsInDoubt(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsNotFound(status);
}

absl::StatusOr<RawManifest> ReadManifest(RegistryClient& client, const std::string& reference) {
  return GetRegistryManifest(client, reference, std::nullopt);
}

// The digest that a tag or digest stands for now; nothing where it is not there.
absl::StatusOr<std::optional<Digest>> CurrentDigest(RegistryClient& client,
                                                    const std::string& reference) {
  absl::StatusOr<RawManifest> manifest = ReadManifest(client, reference);
  if (manifest.ok()) {
    return std::optional<Digest>(std::move(manifest->digest));
  }
  if (absl::IsNotFound(manifest.status())) {
    return std::optional<Digest>();
  }
  return manifest.status();
}

bool IsGone(RegistryClient& client, const std::string& reference) {
  const absl::StatusOr<std::optional<Digest>> digest = CurrentDigest(client, reference);
  return digest.ok() && !digest->has_value();
}

// Sends the DELETE and says how it was answered, without a look at what became of it.
absl::Status SendDelete(RegistryClient& client, const std::string& reference) {
  absl::StatusOr<std::unique_ptr<RegistryAnswer>> answer =
      client.Send({.method = "DELETE", .path = absl::StrCat("manifests/", reference)});
  if (!answer.ok()) {
    return answer.status();
  }
  if (IsDeleted((*answer)->head().status)) {
    (*answer)->Discard();
    return absl::OkStatus();
  }
  return (*answer)->Error(RegistryObject::kDeletion);
}

absl::Status Delete(RegistryClient& client, const std::string& reference) {
  absl::Status status = SendDelete(client, reference);
  return IsInDoubt(status) && IsGone(client, reference) ? absl::OkStatus() : status;
}

absl::Status TagChanged(const Digest& expected, const std::optional<Digest>& found) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "TAG_CHANGED",
                   absl::StrCat("somebody else moved it: it stands for ",
                                found.has_value() ? found->ToString() : "nothing", ", not for ",
                                expected.ToString()));
}

// That the tag stands for the digest.
absl::Status CheckTag(RegistryClient& client, const Digest& expected) {
  ASSIGN_OR_RETURN(const std::optional<Digest> found, CurrentDigest(client, client.image().tag()));
  return found == expected ? absl::OkStatus() : TagChanged(expected, found);
}

// A manifest of no content that is nobody else's: it says whose tag it was made for, and something
// that nobody can guess.
absl::StatusOr<RawManifest> MakePlaceholder(const Digest& old) {
  std::array<char, 16> random;
  if (getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) {
    return ErrnoError(errno, "getrandom");
  }
  std::string bytes = absl::StrCat(
      R"({"schemaVersion":2,"mediaType":")", kOciManifestType, R"(","config":{"mediaType":")",
      kOciConfigType, R"(","digest":")", Digest::Sha256Of(kEmptyConfig).ToString(), R"(","size":)",
      kEmptyConfig.size(), R"(},"layers":[],"annotations":{"dev.holkas.deleted-tag.digest":")",
      old.ToString(), R"(","dev.holkas.deleted-tag.nonce":")",
      absl::BytesToHexString(absl::string_view(random.data(), random.size())), R"("}})");
  Digest digest = Digest::Sha256Of(bytes);
  return RawManifest{std::move(bytes), std::move(digest), std::string(kOciManifestType)};
}

absl::Status Put(RegistryClient& client, const std::string& tag, const RawManifest& manifest) {
  return PutRegistryManifest(client, tag, manifest.bytes, manifest.media_type, manifest.digest);
}

absl::Status UploadEmptyConfig(RegistryClient& client) {
  const Descriptor config = {.media_type = std::string(kOciConfigType),
                             .digest = Digest::Sha256Of(kEmptyConfig),
                             .size_bytes = static_cast<int64_t>(kEmptyConfig.size()),
                             .annotations = {},
                             .urls = {}};
  ASSIGN_OR_RETURN(const std::unique_ptr<ByteSink> upload, RegistryUpload::Open(client, config));
  RETURN_IF_ERROR(upload->Append(kEmptyConfig));
  return upload->Finish(config.digest, config.size_bytes);
}

// That the registry deletes manifests at all: tried with one that is not there.
absl::Status CheckDeletes(RegistryClient& client, const Digest& nobodys) {
  const absl::Status status = SendDelete(client, nobodys.ToString());
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

// `status` after the tag was moved back to `old`, where it stands for the placeholder or what the
// registry made of it.
absl::Status MoveBack(RegistryClient& client, const RawManifest& old, const Digest& placeholder,
                      const absl::Status& status) {
  const std::string& tag = client.image().tag();
  const absl::StatusOr<std::optional<Digest>> current = CurrentDigest(client, tag);
  const bool was_rewritten = ErrorReason(status) == "CONTENT_MISMATCH";
  if (current.ok() && (*current == old.digest || (*current != placeholder && !was_rewritten))) {
    return status;
  }
  const absl::Status put = Put(client, tag, old);
  const std::string outcome =
      put.ok() ? absl::StrCat("; tag ", tag, " is as it was")
               : absl::StrCat("; tag ", tag, " stands for ", placeholder.ToString(),
                              ", which is empty, and stood for ", old.digest.ToString(),
                              ", which is still there: ", put.message());
  return MakeError(status.code(), ErrorReason(status), absl::StrCat(status.message(), outcome),
                   ErrorMetadata(status));
}

// Deletes the tag with the placeholder that it stands for now.
absl::Status DeletePlaceholder(RegistryClient& client, const Digest& placeholder) {
  absl::Status tag = CheckTag(client, placeholder);
  if (!tag.ok() && ErrorReason(tag) != "TAG_CHANGED") {
    return tag;
  }
  const absl::Status deleted = Delete(client, placeholder.ToString());
  // The tag is somebody else's; that the placeholder could not be removed is no matter beside that.
  return tag.ok() ? deleted : tag;
}

absl::Status DeleteTagByPlaceholder(RegistryClient& client, const RawManifest& old) {
  if (old.media_type.empty()) {
    return MakeError(absl::StatusCode::kUnimplemented, "MEDIA_TYPE_UNSUPPORTED",
                     "the registry does not say the type of its manifest");
  }
  // Nothing changes before all that can be known of the later steps is known.
  ASSIGN_OR_RETURN(const RawManifest placeholder, MakePlaceholder(old.digest));
  RETURN_IF_ERROR(CheckDeletes(client, placeholder.digest));
  RETURN_IF_ERROR(UploadEmptyConfig(client));
  RETURN_IF_ERROR(CheckTag(client, old.digest));

  absl::Status status = Put(client, client.image().tag(), placeholder);
  if (status.ok()) {
    status = DeletePlaceholder(client, placeholder.digest);
  }
  return status.ok() ? status : MoveBack(client, old, placeholder.digest, status);
}

// Whether the tag is deleted; false where the registry does not delete tags.
absl::StatusOr<bool> DeleteTag(RegistryClient& client) {
  const std::string& tag = client.image().tag();
  const absl::Status status = SendDelete(client, tag);
  if (status.ok() || (IsInDoubt(status) && IsGone(client, tag))) {
    return true;
  }
  // What a registry says that takes digests alone: 400, 404 or 405 with whatever code.
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
      return status;
    default:
      return false;
  }
}

}  // namespace

absl::StatusOr<Digest> DeleteWithTags(RegistryClient& client) {
  const broker::RegistryImage& image = client.image();
  ASSIGN_OR_RETURN(const RawManifest manifest,
                   ReadManifest(client, image.digest().empty() ? image.tag() : image.digest()));
  // By the digest that the caller gave, where there is one: it may be of another algorithm.
  Digest digest = manifest.digest;
  if (!image.digest().empty()) {
    ASSIGN_OR_RETURN(digest, Digest::Parse(image.digest()));
  }
  RETURN_IF_ERROR(WithContext(
      Delete(client, digest.ToString()),
      absl::StrCat("deleting manifest ", digest.ToString(), " in ", client.repository_name())));
  return digest;
}

absl::StatusOr<Digest> DeleteOnlyTag(RegistryClient& client) {
  ASSIGN_OR_RETURN(const RawManifest old, ReadManifest(client, client.image().tag()));
  const absl::StatusOr<bool> deleted = DeleteTag(client);
  const absl::Status status =
      deleted.ok() && !*deleted ? DeleteTagByPlaceholder(client, old) : deleted.status();
  RETURN_IF_ERROR(WithContext(status, absl::StrCat("deleting tag ", client.image().tag(), " in ",
                                                   client.repository_name())));
  return old.digest;
}

absl::StatusOr<Digest> DeleteRegistryImage(const TransportContext& context,
                                           const broker::ImageLocation& location, bool only_tag) {
  ASSIGN_OR_RETURN(const std::unique_ptr<RegistryClient> client,
                   RegistryClient::New({.broker = context.broker,
                                        .place = broker::PLACE_SOURCE,
                                        .image = location.registry(),
                                        .user_agent = context.job.user_agent()}));
  return only_tag ? DeleteOnlyTag(*client) : DeleteWithTags(*client);
}

}  // namespace holkas
