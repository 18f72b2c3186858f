#include "service/credentials/authorizer.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "proto/wire/digest.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"
#include "proto/wire/version.h"
#include "service/broker/violation.h"

namespace holkas {
namespace {

// As broker.Authorize says; an honest worker sends no more.
constexpr size_t kMaxHostBytes = 253;
constexpr size_t kMaxTargetBytes = 4 << 10;
constexpr size_t kMaxTextBytes = 1 << 10;
constexpr size_t kMaxTokenBytes = 32 << 10;
// A token is not used in the last part of its life, nor does it live shorter than this, whatever
// the realm says: some say nothing.
constexpr double kUsableShare = 0.8;
constexpr absl::Duration kShortestLife = absl::Seconds(60);

bool IsVisible(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), absl::ascii_isgraph);
}

bool IsWellFormed(const broker::Authorize& question) {
  if (question.scheme() == broker::AUTH_SCHEME_BASIC) {
    return true;
  }
  return question.scheme() == broker::AUTH_SCHEME_BEARER && !question.realm_host().empty() &&
         question.realm_host().size() <= kMaxHostBytes && IsVisible(question.realm_host()) &&
         question.realm_port() > 0 && question.realm_port() <= 65535 &&
         question.realm_target().size() <= kMaxTargetBytes &&
         absl::string_view(question.realm_target()).substr(0, 1) == "/" &&
         IsVisible(question.realm_target()) && question.service().size() <= kMaxTextBytes &&
         std::all_of(question.service().begin(), question.service().end(), absl::ascii_isprint) &&
         question.scope().size() <= kMaxTextBytes;
}

// `repository:NAME:` of a scope; empty for scopes of other things.
absl::string_view RepositoryOf(absl::string_view scope) {
  const size_t end = scope.rfind(':');
  return absl::StartsWith(scope, "repository:") && end > 10 ? scope.substr(0, end + 1)
                                                            : absl::string_view();
}

const UserPassword* PasswordOf(const Credentials& credentials) {
  return std::get_if<UserPassword>(&credentials);
}

std::string BasicHeader(const UserPassword& login) {
  return absl::StrCat("Basic ", absl::Base64Escape(absl::StrCat(login.user, ":", login.password)));
}

// Of whom a token is; not their secrets themselves, which nothing needs to keep.
std::string Fingerprint(const Credentials& credentials) {
  if (const UserPassword* login = PasswordOf(credentials)) {
    return Digest::Sha256Of(absl::StrCat("password\n", login->user, "\n", login->password))
        .ToString();
  }
  if (const auto* identity = std::get_if<IdentityToken>(&credentials)) {
    return Digest::Sha256Of(absl::StrCat("identity\n", identity->token)).ToString();
  }
  return "anonymous";
}

TokenOrder MakeOrder(const broker::Authorize& question, const RegistryIdentity& identity,
                     const Credentials& credentials, const std::vector<std::string>& scopes,
                     RealmGrant grant) {
  const bool is_registry = grant == RealmGrant::kRegistryItself;
  TokenOrder order;
  order.public_only = is_registry ? identity.public_only : grant == RealmGrant::kPublic;
  broker::RegistryImage& realm = *order.job.mutable_source()->mutable_registry();
  realm.set_host(question.realm_host());
  realm.set_api_host(question.realm_host());
  realm.set_port(question.realm_port());
  realm.set_plain_http_allowed(!question.realm_https());
  realm.set_verify_certificate(identity.registry.verify_certificate());
  *realm.mutable_certificates() = identity.registry.certificates();
  if (!is_registry) {
    realm.mutable_certificates()->clear_client_certificate_pem();
    realm.mutable_certificates()->clear_client_key_pem();
  }
  broker::TokenRequest& token = *order.job.mutable_token();
  token.set_target(question.realm_target());
  token.set_service(question.service());
  token.mutable_scopes()->Assign(scopes.begin(), scopes.end());
  if (const UserPassword* login = PasswordOf(credentials)) {
    realm.set_authorization(BasicHeader(*login));
    token.set_account(login->user);
  } else if (const auto* identity_token = std::get_if<IdentityToken>(&credentials)) {
    token.set_identity_token(identity_token->token);
  }
  order.job.set_threads(1);
  order.job.set_user_agent(absl::StrCat("holkas/", kVersion));
  return order;
}

std::string CacheKey(const Realm& realm, const broker::TokenRequest& token,
                     const RegistryIdentity& identity, const Credentials& credentials) {
  return absl::StrJoin({realm.ToString(), token.target(), token.service(),
                        absl::StrJoin(token.scopes(), " "), identity.registry.host(),
                        std::string(identity.registry.verify_certificate() ? "verified" : "any"),
                        Fingerprint(credentials)},
                       "\n");
}

}  // namespace

std::vector<std::string> WidenScopes(const std::vector<std::string>& granted,
                                     const std::string& wanted) {
  const std::vector<std::string> scopes = absl::StrSplit(wanted, ' ', absl::SkipEmpty());
  const bool about_granted = std::all_of(scopes.begin(), scopes.end(), [&](const auto& scope) {
    return IsVisible(scope) &&
           std::any_of(granted.begin(), granted.end(), [&](const std::string& own) {
             return !RepositoryOf(own).empty() && RepositoryOf(own) == RepositoryOf(scope);
           });
  });
  return about_granted && !scopes.empty() ? scopes : granted;
}

Authorizer::Authorizer(const JobIdentity& identity, AuthorizationResources& resources,
                       FetchToken fetch)
    : identity_(identity), resources_(resources), fetch_(std::move(fetch)) {}

absl::StatusOr<std::string> Authorizer::Authorize(const broker::Authorize& question,
                                                  const Cancellation& cancellation) {
  const std::vector<RegistryIdentity>& registries =
      question.place() == broker::PLACE_SOURCE ? identity_.source : identity_.destination;
  if (question.endpoint() >= registries.size() || !IsWellFormed(question)) {
    return Violation("a malformed question for credentials");
  }
  {
    absl::MutexLock lock(&mutex_);
    if (++calls_ > kMaxCalls) {
      return MakeError(
          absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
          absl::StrCat("the registry asked for credentials more than ", kMaxCalls, " times"));
    }
  }
  const RegistryIdentity& identity = registries[question.endpoint()];
  ASSIGN_OR_RETURN(const Credentials credentials, CredentialsOf(identity));
  if (question.scheme() == broker::AUTH_SCHEME_BEARER) {
    return Bearer(question, identity, credentials, cancellation);
  }
  const UserPassword* login = PasswordOf(credentials);
  if (login == nullptr || question.refused()) {
    return std::string();
  }
  return BasicHeader(*login);
}

absl::StatusOr<Credentials> Authorizer::Resolve(const StoredCredentials& stored) const {
  if (const auto* question = std::get_if<HelperQuestion>(&stored)) {
    return ResolveHelper(resources_.credentials, *question);
  }
  if (const auto* login = std::get_if<UserPassword>(&stored)) {
    return Credentials(*login);
  }
  if (const auto* identity_token = std::get_if<IdentityToken>(&stored)) {
    return Credentials(*identity_token);
  }
  return Credentials(NoCredentials());
}

absl::StatusOr<Credentials> Authorizer::CredentialsOf(const RegistryIdentity& identity) {
  {
    absl::MutexLock lock(&mutex_);
    if (const Memory& memory = memory_[&identity]; memory.credentials.has_value()) {
      return *memory.credentials;
    }
  }
  ASSIGN_OR_RETURN(Credentials credentials, Resolve(identity.credentials));
  absl::MutexLock lock(&mutex_);
  memory_[&identity].credentials = credentials;
  if (const UserPassword* login = PasswordOf(credentials)) {
    secrets_.push_back(login->password);
    const std::string header = BasicHeader(*login);
    secrets_.push_back(header.substr(header.find(' ') + 1));
  } else if (const auto* identity_token = std::get_if<IdentityToken>(&credentials)) {
    secrets_.push_back(identity_token->token);
  }
  return credentials;
}

absl::StatusOr<std::string> Authorizer::Bearer(const broker::Authorize& question,
                                               const RegistryIdentity& identity,
                                               const Credentials& credentials,
                                               const Cancellation& cancellation) {
  const Realm realm = {question.realm_https(), absl::AsciiStrToLower(question.realm_host()),
                       static_cast<uint16_t>(question.realm_port())};
  const bool with_credentials = !std::holds_alternative<NoCredentials>(credentials);
  ASSIGN_OR_RETURN(const RealmGrant grant,
                   CheckRealm(realm, identity.registry, with_credentials, resources_.realms));
  const std::vector<std::string> scopes =
      question.insufficient() ? WidenScopes(identity.scopes, question.scope()) : identity.scopes;
  const TokenOrder order = MakeOrder(question, identity, credentials, scopes, grant);
  const std::string key = CacheKey(realm, order.job.token(), identity, credentials);
  if (question.refused()) {
    std::string refused;
    {
      absl::MutexLock lock(&mutex_);
      refused = memory_[&identity].last_token;
    }
    resources_.tokens.Forget(key, refused);
  }
  ASSIGN_OR_RETURN(
      const std::string token,
      resources_.tokens.Get(key, cancellation, [&]() -> absl::StatusOr<TokenCache::Token> {
        ASSIGN_OR_RETURN(broker::TokenResponse response, fetch_(order, cancellation));
        if (response.token().empty() || response.token().size() > kMaxTokenBytes ||
            !IsVisible(response.token())) {
          return absl::InternalError("the auth worker's token is none");
        }
        const absl::Duration life =
            std::max(kUsableShare * absl::Seconds(response.valid_seconds()), kShortestLife);
        return TokenCache::Token{std::move(*response.mutable_token()), absl::Now() + life};
      }));
  Remember(identity, token);
  return absl::StrCat("Bearer ", token);
}

void Authorizer::Remember(const RegistryIdentity& identity, const std::string& token) {
  absl::MutexLock lock(&mutex_);
  memory_[&identity].last_token = token;
  secrets_.push_back(token);
}

std::vector<std::string> Authorizer::secrets() const {
  absl::MutexLock lock(&mutex_);
  return secrets_;
}

}  // namespace holkas
