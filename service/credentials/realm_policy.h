#ifndef HOLKAS_SERVICE_CREDENTIALS_REALM_POLICY_H_
#define HOLKAS_SERVICE_CREDENTIALS_REALM_POLICY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "broker/broker.pb.h"

namespace holkas {

// Who gets a registry's credentials. A registry names the realm that issues its tokens
// (distribution: docs/spec/auth/token), and could name a thief.

struct RealmSettings {
  // `host` or `host:port` of realms that the administrator trusts with every registry's
  // credentials.
  std::vector<std::string> trusted;
  // Realms in the registry's own domain may be at any address, not at public ones alone.
  bool own_domain_at_any_address = false;
};

// Where a token is to be fetched.
struct Realm {
  bool https = true;
  std::string host;  // lower case, without brackets
  uint16_t port = 443;

  // `https://host[:port]`.
  std::string ToString() const;
};

// Who a realm is to the registry that names it, which decides where it may be.
enum class RealmGrant {
  kRegistryItself,  // where the registry may be
  kTrusted,         // anywhere
  kPublic,          // at a public address
};

// Whether a token for `registry` may be asked for at `realm`. Credentials go to the registry's own
// origin, to the settings' realms, and over HTTPS to hosts of the same registrable domain
// (publicsuffix.org); without credentials every public HTTPS host may be asked. Plain HTTP only
// where the registry may speak it itself. Errors: PERMISSION_DENIED (REALM_DENIED).
absl::StatusOr<RealmGrant> CheckRealm(const Realm& realm, const broker::RegistryImage& registry,
                                      bool with_credentials, const RealmSettings& settings);

// Whether both names belong to one registrable domain. Never for addresses and single labels.
bool IsSameDomain(absl::string_view one, absl::string_view other);

}  // namespace holkas

#endif  // HOLKAS_SERVICE_CREDENTIALS_REALM_POLICY_H_
