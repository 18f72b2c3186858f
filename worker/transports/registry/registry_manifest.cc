#include "worker/transports/registry/registry_manifest.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/wire/digester.h"
#include "proto/wire/error.h"
#include "proto/wire/manifest_digest.h"
#include "proto/wire/status_macros.h"
#include "worker/image/media_types.h"

namespace holkas {
namespace {

// In the order in which they are liked.
constexpr absl::string_view kManifestTypes[] = {
    kOciManifestType,   kDockerManifestType, kDockerSchema1SignedType,
    kDockerSchema1Type, kDockerListType,     kOciIndexType,
};

absl::Status Mismatch(absl::string_view message) {
  return MakeError(absl::StatusCode::kDataLoss, "CONTENT_MISMATCH", message);
}

// The type, where the registry says one that means anything.
std::string ManifestTypeOf(const HttpResponse& head) {
  const absl::string_view value = head.Header("Content-Type");
  const std::string type =
      absl::AsciiStrToLower(absl::StripAsciiWhitespace(value.substr(0, value.find(';'))));
  const bool known = std::find(std::begin(kManifestTypes), std::end(kManifestTypes), type) !=
                     std::end(kManifestTypes);
  return known ? type : std::string();
}

struct Received {
  std::string bytes;
  std::string media_type;

  // Where the registry says another type, Manifest::Parse refuses what is signed.
  bool may_be_signed() const {
    return media_type.empty() || media_type == kDockerSchema1SignedType ||
           media_type == kDockerSchema1Type;
  }
};

Digest DigestOf(const Received& received, absl::string_view algorithm) {
  // Signatures that say no payload are for Manifest::Parse to refuse.
  const absl::StatusOr<std::string> payload =
      received.may_be_signed() ? ManifestPayload(received.bytes) : received.bytes;
  Digester digester(algorithm);
  digester.Update(payload.ok() ? *payload : received.bytes);
  return digester.Finish();
}

absl::Status CheckDigest(const Received& received, const Digest& want, absl::string_view who) {
  const Digest got = DigestOf(received, want.algorithm());
  if (got == want) {
    return absl::OkStatus();
  }
  return Mismatch(
      absl::StrCat("got content with digest ", got.ToString(), ", ", who, " ", want.ToString()));
}

// The digest by which the manifest goes on, after the checks.
absl::StatusOr<Digest> VerifiedDigest(const Received& received, const HttpResponse& head,
                                      const std::optional<Digest>& wanted) {
  if (wanted.has_value()) {
    RETURN_IF_ERROR(CheckDigest(received, *wanted, "want"));
    return *wanted;
  }
  const absl::string_view header = head.Header("Docker-Content-Digest");
  if (!header.empty()) {
    absl::StatusOr<Digest> announced = Digest::Parse(header);
    if (!announced.ok()) {
      return Mismatch("the registry's Docker-Content-Digest is malformed");
    }
    RETURN_IF_ERROR(CheckDigest(received, *announced, "the registry announced"));
  }
  return DigestOf(received, "sha256");
}

absl::StatusOr<RawManifest> TakeManifest(RegistryAnswer& answer,
                                         const std::optional<Digest>& wanted) {
  if (answer.head().status != 200) {
    return answer.Error(RegistryObject::kManifest);
  }
  if (answer.head().content_length > kMaxManifestBytes) {
    return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                     absl::StrCat("the manifest has ", answer.head().content_length,
                                  " bytes, at most ", kMaxManifestBytes, " are read"));
  }
  Received received = {.bytes = {}, .media_type = ManifestTypeOf(answer.head())};
  ASSIGN_OR_RETURN(received.bytes, answer.exchange().ReadAll(kMaxManifestBytes));
  ASSIGN_OR_RETURN(Digest digest, VerifiedDigest(received, answer.head(), wanted));
  return RawManifest{std::move(received.bytes), std::move(digest), std::move(received.media_type)};
}

}  // namespace

absl::StatusOr<RawManifest> GetRegistryManifest(RegistryClient& client,
                                                const std::string& reference,
                                                const std::optional<Digest>& wanted) {
  absl::StatusOr<std::unique_ptr<RegistryAnswer>> answer =
      client.Send({.path = absl::StrCat("manifests/", reference),
                   .headers = {{"Accept", absl::StrJoin(kManifestTypes, ", ")}}});
  if (!answer.ok()) {
    return answer.status();
  }
  absl::StatusOr<RawManifest> manifest = TakeManifest(**answer, wanted);
  return manifest.ok()
             ? std::move(manifest)
             : WithContext(manifest.status(), absl::StrCat("reading manifest ", reference, " in ",
                                                           client.repository_name()));
}

absl::Status PutRegistryManifest(RegistryClient& client, const std::string& reference,
                                 absl::string_view bytes, const std::string& media_type,
                                 const Digest& digest) {
  const std::string context =
      absl::StrCat("writing manifest ", reference, " in ", client.repository_name());
  absl::StatusOr<std::unique_ptr<RegistryAnswer>> answer =
      client.Send({.method = "PUT",
                   .path = absl::StrCat("manifests/", reference),
                   .headers = {{"Content-Type", media_type}},
                   .body = bytes});
  if (!answer.ok()) {
    return WithContext(answer.status(), context);
  }
  const HttpResponse& head = (*answer)->head();
  if (!head.succeeded()) {
    return WithContext((*answer)->Error(RegistryObject::kManifestUpload), context);
  }
  const std::string stored(head.Header("Docker-Content-Digest"));
  (*answer)->Discard();
  if (!stored.empty() && Digest::Parse(stored).ok() && digest.algorithm() == "sha256" &&
      stored != digest.ToString()) {
    return MakeError(
        absl::StatusCode::kDataLoss, "CONTENT_MISMATCH",
        absl::StrCat(context, ": the registry stored ", stored, ", want ", digest.ToString()));
  }
  return absl::OkStatus();
}

}  // namespace holkas
