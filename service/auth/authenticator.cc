#include "service/auth/authenticator.h"

#include <grpc/grpc_security_constants.h>

#include <optional>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/wire/error.h"

namespace holkas {
namespace {

constexpr absl::string_view kBearer = "bearer ";
constexpr size_t kMaxCertificateName = 256;

absl::Status Unauthenticated(absl::string_view why) {
  return MakeError(absl::StatusCode::kUnauthenticated, "CALLER_UNAUTHENTICATED",
                   absl::StrCat("identify the caller: ", why));
}

}  // namespace

std::string CertificateName(
    const std::function<std::vector<std::string>(const char* property)>& find) {
  std::vector<std::string> names = find(GRPC_PEER_URI_PROPERTY_NAME);
  if (names.empty()) {
    names = find(GRPC_PEER_DNS_PROPERTY_NAME);
  }
  // Who may choose a name in one place need not be allowed to in the other.
  if (names.empty() && find(GRPC_X509_SAN_PROPERTY_NAME).empty()) {
    names = find(GRPC_X509_CN_PROPERTY_NAME);
  }
  return names.empty() || names.front().size() > kMaxCertificateName ? "" : names.front();
}

absl::StatusOr<Identity> Authenticator::IdentifyByToken(absl::string_view authorization) const {
  if (!absl::StartsWithIgnoreCase(authorization, kBearer)) {
    return Unauthenticated("authorization must be \"Bearer TOKEN\"");
  }
  if (tokens_ == nullptr) {
    return Unauthenticated("the server takes no tokens (access.token_file)");
  }
  const absl::string_view token = absl::StripAsciiWhitespace(authorization.substr(kBearer.size()));
  const std::optional<std::string> name = tokens_->Current()->Find(token, absl::Now());
  if (!name.has_value()) {
    return Unauthenticated("nobody has this token, or it has ended");
  }
  return Identity{.name = absl::StrCat("token:", *name)};
}

absl::StatusOr<Identity> Authenticator::Identify(const Peer& peer,
                                                 const ShownCredentials& shown) const {
  if (peer.kind == Peer::Kind::kPrivate || peer.kind == Peer::Kind::kUnix) {
    return Identity{.name = absl::StrCat("uid:", peer.uid), .is_trusted = true};
  }
  if (shown.authorization.size() > 1) {
    return Unauthenticated("authorization stands more than once");
  }
  if (!shown.authorization.empty()) {
    return IdentifyByToken(shown.authorization.front());
  }
  if (peer.kind == Peer::Kind::kTcp) {
    return Identity{.name = kAnonymous, .is_trusted = anonymous_is_trusted_};
  }
  if (shown.certificate_name.empty()) {
    return Unauthenticated("neither a client certificate with a name nor a token was shown");
  }
  return Identity{.name = absl::StrCat("cert:", shown.certificate_name)};
}

}  // namespace holkas
