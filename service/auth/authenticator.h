#ifndef HOLKAS_SERVICE_AUTH_AUTHENTICATOR_H_
#define HOLKAS_SERVICE_AUTH_AUTHENTICATOR_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "service/auth/peer.h"
#include "service/auth/token_table.h"
#include "service/config/followed_files.h"
#include "service/policy/identity.h"

namespace holkas {

// What a caller shows beside its connection.
struct ShownCredentials {
  // CertificateName of a certificate that was verified; empty: none.
  std::string certificate_name;
  // The values of the request's `authorization`.
  std::vector<std::string> authorization;
};

// Who a verified client certificate stands for: the first URI among its subjectAltNames, else the
// first DNS name there; without any subjectAltName the common name of its subject. Empty where it
// has none of those, or one of more than 256 bytes. `find` gives the properties of gRPC's auth
// context of a name, in their order.
std::string CertificateName(
    const std::function<std::vector<std::string>(const char* property)>& find);

// Decides who calls. Thread-safe. Never logs or repeats what it was shown.
class Authenticator {
 public:
  // `tokens`: null where none are taken; must outlive the authenticator. `anonymous_is_trusted`:
  // whether callers on TCP without TLS may do everything unless an allow list names them.
  explicit Authenticator(FollowedFiles<TokenTable>* tokens = nullptr,
                         bool anonymous_is_trusted = false)
      : tokens_(tokens), anonymous_is_trusted_(anonymous_is_trusted) {}

  // Who is at the other end of the connection of `peer`, and shows `shown`: on unix sockets the
  // user, whatever else is shown; over TCP the owner of the token, where one is shown, which must
  // be good; else, over TLS, the certificate's. Errors: UNAUTHENTICATED (CALLER_UNAUTHENTICATED).
  absl::StatusOr<Identity> Identify(const Peer& peer, const ShownCredentials& shown) const;

 private:
  absl::StatusOr<Identity> IdentifyByToken(absl::string_view authorization) const;

  FollowedFiles<TokenTable>* const tokens_;
  const bool anonymous_is_trusted_;
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_AUTH_AUTHENTICATOR_H_
