#include "service/credentials/realm_policy.h"

#include <arpa/inet.h>
#include <libpsl.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/error.h"
#include "proto/wire/host_port.h"
#include "proto/wire/printable.h"

namespace holkas {
namespace {

constexpr size_t kMaxShownBytes = 256;

bool IsAddress(const std::string& host) {
  in6_addr ignored;
  return inet_pton(AF_INET, host.c_str(), &ignored) == 1 ||
         inet_pton(AF_INET6, host.c_str(), &ignored) == 1;
}

std::string RegistrableDomain(absl::string_view name) {
  const std::string host = absl::AsciiStrToLower(name);
  if (IsAddress(host) || !absl::StrContains(host, '.')) {
    return "";
  }
  const char* domain = psl_registrable_domain(psl_builtin(), host.c_str());
  return domain == nullptr ? "" : domain;
}

std::string HostOf(const broker::RegistryImage& registry) {
  return absl::AsciiStrToLower(registry.api_host().empty() ? registry.host() : registry.api_host());
}

// Over HTTPS it would have this port; over HTTP, perhaps another.
bool IsPortOf(const broker::RegistryImage& registry, const Realm& realm) {
  const uint32_t own = registry.port() != 0 ? registry.port() : realm.https ? 443 : 80;
  return own == realm.port;
}

bool IsTrusted(const Realm& realm, const RealmSettings& settings) {
  const std::string host = JoinHostPort(realm.host);
  const std::string with_port = JoinHostPort(realm.host, realm.port);
  return std::any_of(settings.trusted.begin(), settings.trusted.end(),
                     [&](const std::string& entry) {
                       const std::string name = absl::AsciiStrToLower(entry);
                       return name == host || name == with_port;
                     });
}

absl::Status Denied(const Realm& realm, const broker::RegistryImage& registry,
                    absl::string_view why) {
  return MakeError(absl::StatusCode::kPermissionDenied, "REALM_DENIED",
                   absl::StrCat("registry ", Printable(HostOf(registry), kMaxShownBytes),
                                " wants a token of ", realm.ToString(), ": ", why),
                   {{"realm", realm.ToString()}});
}

}  // namespace

std::string Realm::ToString() const {
  return Printable(absl::StrCat(https ? "https://" : "http://",
                                JoinHostPort(host, port == (https ? 443 : 80) ? 0 : port)),
                   kMaxShownBytes);
}

bool IsSameDomain(absl::string_view one, absl::string_view other) {
  const std::string domain = RegistrableDomain(one);
  return !domain.empty() && domain == RegistrableDomain(other);
}

absl::StatusOr<RealmGrant> CheckRealm(const Realm& realm, const broker::RegistryImage& registry,
                                      bool with_credentials, const RealmSettings& settings) {
  if (!realm.https && !registry.plain_http_allowed()) {
    return Denied(realm, registry, "plain http is not allowed for this registry");
  }
  if (realm.host == HostOf(registry) && IsPortOf(registry, realm)) {
    return RealmGrant::kRegistryItself;
  }
  if (IsTrusted(realm, settings)) {
    return RealmGrant::kTrusted;
  }
  if (!realm.https) {
    return Denied(realm, registry,
                  "it is another origin, spoken to over plain http; --token-realms "
                  "(registries.token_realms) allows it");
  }
  if (IsSameDomain(realm.host, HostOf(registry))) {
    return settings.own_domain_at_any_address ? RealmGrant::kTrusted : RealmGrant::kPublic;
  }
  if (with_credentials) {
    return Denied(
        realm, registry,
        "credentials do not go to another domain; --token-realms (registries.token_realms) "
        "allows it");
  }
  return RealmGrant::kPublic;
}

}  // namespace holkas
