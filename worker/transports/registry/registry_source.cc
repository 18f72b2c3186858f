#include "worker/transports/registry/registry_source.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/wire/digester.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "worker/image/media_types.h"
#include "worker/transports/registry/registry_blob_source.h"
#include "worker/transports/registry/tag_list.h"

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

absl::Status CheckDigest(absl::string_view bytes, const Digest& want, absl::string_view who) {
  Digester digester(want.algorithm());
  digester.Update(bytes);
  const Digest got = digester.Finish();
  if (got == want) {
    return absl::OkStatus();
  }
  return Mismatch(
      absl::StrCat("got content with digest ", got.ToString(), ", ", who, " ", want.ToString()));
}

// The digest by which the manifest goes on, after the checks.
absl::StatusOr<Digest> VerifiedDigest(absl::string_view bytes, const HttpResponse& head,
                                      const std::optional<Digest>& wanted) {
  if (wanted.has_value()) {
    RETURN_IF_ERROR(CheckDigest(bytes, *wanted, "want"));
    return *wanted;
  }
  const absl::string_view header = head.Header("Docker-Content-Digest");
  if (!header.empty()) {
    absl::StatusOr<Digest> announced = Digest::Parse(header);
    if (!announced.ok()) {
      return Mismatch("the registry's Docker-Content-Digest is malformed");
    }
    RETURN_IF_ERROR(CheckDigest(bytes, *announced, "the registry announced"));
  }
  return Digest::Sha256Of(bytes);
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
  ASSIGN_OR_RETURN(std::string bytes, answer.exchange().ReadAll(kMaxManifestBytes));
  ASSIGN_OR_RETURN(Digest digest, VerifiedDigest(bytes, answer.head(), wanted));
  return RawManifest{std::move(bytes), std::move(digest), ManifestTypeOf(answer.head())};
}

// How the image is called there.
std::string NameAt(const RegistryClient& client) {
  const broker::RegistryImage& image = client.image();
  return absl::StrCat(client.repository_name(), image.digest().empty() ? ":" : "@",
                      image.digest().empty() ? image.tag() : image.digest());
}

}  // namespace

absl::StatusOr<RawManifest> RegistrySource::ReadManifest(const std::optional<Digest>& instance) {
  return settled_ || instance.has_value() ? ReadManifestFrom(client(), instance) : ReadFirst();
}

absl::StatusOr<RawManifest> RegistrySource::ReadFirst() {
  std::vector<std::string> failures;
  for (chosen_ = 0;; ++chosen_) {
    absl::StatusOr<RawManifest> manifest = ReadManifestFrom(client(), std::nullopt);
    const bool last = chosen_ + 1 == clients_.size();
    if (manifest.ok() || (last && failures.empty())) {
      settled_ = true;
      return manifest;
    }
    const std::string failure = absl::StrCat(NameAt(client()), ": ", manifest.status().message());
    if (last) {
      return MakeError(
          manifest.status().code(), ErrorReason(manifest.status()),
          absl::StrCat("(Mirrors also failed: ", absl::StrJoin(failures, "\n"), "): ", failure),
          ErrorMetadata(manifest.status()));
    }
    failures.push_back(absl::StrCat("[", failure, "]"));
  }
}

absl::StatusOr<RawManifest> RegistrySource::ReadManifestFrom(
    RegistryClient& client, const std::optional<Digest>& instance) {
  const broker::RegistryImage& image = client.image();
  std::optional<Digest> wanted = instance;
  if (!wanted.has_value() && !image.digest().empty()) {
    ASSIGN_OR_RETURN(wanted, Digest::Parse(image.digest()));
  }
  const std::string reference = wanted.has_value() ? wanted->ToString() : image.tag();
  const std::string context =
      absl::StrCat("reading manifest ", reference, " in ", client.repository_name());

  absl::StatusOr<std::unique_ptr<RegistryAnswer>> answer =
      client.Send({.path = absl::StrCat("manifests/", reference),
                   .headers = {{"Accept", absl::StrJoin(kManifestTypes, ", ")}}});
  if (!answer.ok()) {
    return answer.status();
  }
  absl::StatusOr<RawManifest> manifest = TakeManifest(**answer, wanted);
  return manifest.ok() ? std::move(manifest) : WithContext(manifest.status(), context);
}

absl::StatusOr<std::unique_ptr<ByteSource>> RegistrySource::OpenBlob(const Descriptor& blob) {
  return RegistryBlobSource::Open(client(), blob);
}

absl::StatusOr<std::vector<std::string>> RegistrySource::ListTags(
    std::vector<std::string>& warnings) {
  absl::StatusOr<std::vector<std::string>> tags = ReadTagList(client());
  if (!tags.ok() && IsTagListRefusal(tags.status())) {
    warnings.push_back("Registry disallows tag list retrieval; skipping");
    return std::vector<std::string>();
  }
  return tags;
}

absl::StatusOr<std::unique_ptr<ImageSource>> OpenRegistrySource(
    const TransportContext& context, const broker::ImageLocation& location) {
  ASSIGN_OR_RETURN(auto clients, NewRegistryClients(context, location.registry()));
  return std::make_unique<RegistrySource>(std::move(clients));
}

absl::StatusOr<std::vector<std::unique_ptr<RegistryClient>>> NewRegistryClients(
    const TransportContext& context, const broker::RegistryImage& registry) {
  std::vector<std::unique_ptr<RegistryClient>> clients;
  const auto add = [&](const broker::RegistryImage& image, uint32_t endpoint) {
    absl::StatusOr<std::unique_ptr<RegistryClient>> client =
        RegistryClient::New({.broker = context.broker,
                             .place = broker::PLACE_SOURCE,
                             .image = image,
                             .user_agent = context.job.user_agent(),
                             .endpoint = endpoint});
    if (client.ok()) {
      clients.push_back(*std::move(client));
    }
    return client.status();
  };
  for (int i = 0; i < registry.mirrors_size(); ++i) {
    RETURN_IF_ERROR(add(registry.mirrors(i), static_cast<uint32_t>(i) + 1));
  }
  RETURN_IF_ERROR(add(registry, 0));
  return clients;
}

}  // namespace holkas
