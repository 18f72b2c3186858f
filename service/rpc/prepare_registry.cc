#include "service/rpc/prepare_registry.h"

#include <memory>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "proto/wire/status_macros.h"
#include "service/rpc/certificate_directories.h"

namespace holkas {
namespace {

absl::StatusOr<std::shared_ptr<const RegistryTable>> TableOf(const RegistrySettings& settings) {
  if (settings.registries_conf == nullptr) {
    return std::make_shared<const RegistryTable>();
  }
  return settings.registries_conf->Current();
}

// Where to go, in order; the last one is the registry itself.
absl::StatusOr<std::vector<RegistryEndpoint>> EndpointsFor(const RegistryReference& named,
                                                           const RegistryTable& table,
                                                           RegistryUse use) {
  if (use == RegistryUse::kPull) {
    return table.EndpointsOf(named);
  }
  RETURN_IF_ERROR(table.CheckAllowed(named.Repository()));
  return std::vector<RegistryEndpoint>{{named, table.IsInsecure(named.Repository())}};
}

bool IsInsecure(const RegistryEndpoint& endpoint, const v1::RegistryAccess& access,
                const RegistrySettings& settings) {
  if (access.tls_verification() != v1::TLS_VERIFICATION_UNSPECIFIED) {
    return access.tls_verification() == v1::TLS_VERIFICATION_DISABLED;
  }
  return endpoint.insecure || settings.insecure.contains(endpoint.reference.HostPort());
}

void SetReference(const RegistryReference& reference, broker::RegistryImage& image) {
  image.set_host(reference.host);
  image.set_port(reference.port);
  image.set_api_host(reference.ApiHost());
  image.set_repository(reference.path);
  if (reference.digest.has_value()) {
    image.set_digest(reference.digest->ToString());
  } else if (!reference.unknown_digest) {
    image.set_tag(reference.tag);
  }
}

// What the request brings for its registry is for that one alone: a mirror is another party.
v1::RegistryAccess AccessTo(const RegistryEndpoint& endpoint, const RegistryReference& named,
                            const v1::RegistryAccess& access) {
  v1::RegistryAccess result = access;
  if (endpoint.reference.HostPort() == named.HostPort()) {
    return result;
  }
  result.mutable_certificates()->clear_client_certificate_pem();
  result.mutable_certificates()->clear_client_key_pem();
  if (result.certificates().ca_pem().empty()) {
    result.clear_certificates();
  }
  if (!access.anonymous()) {
    result.clear_credentials();
  }
  return result;
}

absl::StatusOr<RegistryIdentity> Identify(const RegistryEndpoint& endpoint,
                                          const v1::RegistryAccess& access,
                                          const RegistrySettings& settings,
                                          const RegistryTable& table, RegistryUse use) {
  const RegistryReference& reference = endpoint.reference;
  RegistryIdentity identity;
  broker::RegistryImage& image = identity.registry;
  SetReference(reference, image);
  const bool insecure = IsInsecure(endpoint, access, settings);
  image.set_verify_certificate(!insecure);
  image.set_plain_http_allowed(insecure);
  if (access.has_certificates()) {
    *image.mutable_certificates() = access.certificates();
  } else {
    ASSIGN_OR_RETURN(*image.mutable_certificates(),
                     FindCertificates(settings.certificate_directories, reference.HostPort()));
  }
  ASSIGN_OR_RETURN(identity.credentials,
                   LookUpCredentials(settings.credentials, table.credential_helpers(), access,
                                     reference.Repository()));
  // Who has a token has it from elsewhere, and the worker may have it too: it is of use for nothing
  // but this.
  if (const auto* token = std::get_if<BearerToken>(&identity.credentials)) {
    image.set_authorization(absl::StrCat("Bearer ", token->token));
  }
  if (use != RegistryUse::kLogin) {
    identity.scopes.push_back(ScopeOf(reference, use));
  }
  return identity;
}

}  // namespace

std::string ScopeOf(const RegistryReference& reference, RegistryUse use) {
  absl::string_view actions = "pull";
  switch (use) {
    case RegistryUse::kPush:
      actions = "pull,push";
      break;
    case RegistryUse::kDelete:
      actions = "pull,delete";
      break;
    case RegistryUse::kUntag:
      actions = "pull,push,delete";
      break;
    case RegistryUse::kPull:
    case RegistryUse::kLogin:
      break;
  }
  return absl::StrCat("repository:", reference.path, ":", actions);
}

absl::StatusOr<PreparedPlace> PrepareRegistry(const RegistryReference& named,
                                              const std::string& display_name,
                                              const v1::RegistryAccess& access,
                                              const RegistrySettings& settings, RegistryUse use) {
  ASSIGN_OR_RETURN(const std::shared_ptr<const RegistryTable> table, TableOf(settings));
  ASSIGN_OR_RETURN(const std::vector<RegistryEndpoint> endpoints, EndpointsFor(named, *table, use));
  PreparedPlace place;
  for (const RegistryEndpoint& endpoint : endpoints) {
    ASSIGN_OR_RETURN(RegistryIdentity identity,
                     Identify(endpoint, AccessTo(endpoint, named, access), settings, *table, use));
    identity.registry.set_display_name(display_name);
    const bool is_mirror = &endpoint != &endpoints.back();
    place.identity.insert(is_mirror ? place.identity.end() : place.identity.begin(),
                          std::move(identity));
  }
  broker::RegistryImage& image = *place.location.mutable_registry();
  image = place.identity[0].registry;
  for (size_t i = 1; i < place.identity.size(); ++i) {
    *image.add_mirrors() = place.identity[i].registry;
  }
  return place;
}

}  // namespace holkas
