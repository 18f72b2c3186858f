#include "worker/transports/registry/registry_client.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/wire/error.h"
#include "proto/wire/host_port.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

// A server that speaks TLS at all has answered the hello by then; who waits for the rest of what
// looks like a line of HTTP has not. Only where plain HTTP may be tried next.
constexpr absl::Duration kProbeHandshakeTimeout = absl::Seconds(2);
// How often one request is sent: without a token, with one that has expired or whose scope is not
// enough, with a new one.
constexpr int kMaxAuthorizationRounds = 3;

constexpr absl::string_view kPerhapsPlainHttp =
    " (perhaps it speaks plain HTTP, which --tls-verify=false or registries.insecure allows)";

absl::Status Unavailable(absl::string_view message) {
  return MakeError(absl::StatusCode::kUnavailable, "REGISTRY_UNAVAILABLE", message);
}

bool IsRedirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// So answers an HTTPS port to plain HTTP; a registry would say more.
bool WantsTls(const HttpResponse& head) {
  return head.status == 400 &&
         !absl::StartsWithIgnoreCase(head.Header("Content-Type"), "application/json");
}

bool IsFollowed(const RegistryRequest& request) {
  return request.method == "GET" || request.method == "HEAD";
}

Origin OriginOf(const broker::RegistryImage& image, bool https) {
  const uint32_t port = image.port() != 0 ? image.port() : https ? 443 : 80;
  const std::string& host = image.api_host().empty() ? image.host() : image.api_host();
  return {https, absl::AsciiStrToLower(host), static_cast<uint16_t>(port)};
}

std::string RepositoryName(const broker::RegistryImage& image) {
  return absl::StrCat(JoinHostPort(image.host(), image.port()), "/", image.repository());
}

}  // namespace

absl::Status RegistryAnswer::Await() {
  ASSIGN_OR_RETURN(head_, exchange_->AwaitResponse());
  return absl::OkStatus();
}

void RegistryAnswer::Discard() { (void)exchange_->ReadAll(kMaxErrorBodyBytes); }

absl::Status RegistryAnswer::Error(RegistryObject object) {
  const absl::StatusOr<std::string> body = exchange_->ReadAll(kMaxErrorBodyBytes);
  return RegistryAnswerError(object, head_->status, body.ok() ? *body : "");
}

absl::StatusOr<std::unique_ptr<RegistryClient>> RegistryClient::New(Options options) {
  ASSIGN_OR_RETURN(TlsSettings tls, TlsSettings::New(options.image.certificates(),
                                                     options.image.verify_certificate()));
  return std::unique_ptr<RegistryClient>(new RegistryClient(std::move(options), std::move(tls)));
}

RegistryClient::RegistryClient(Options options, TlsSettings tls)
    : options_(std::move(options)),
      tls_(std::move(tls)),
      repository_name_(RepositoryName(options_.image)),
      pool_({options_.broker, options_.place, tls_, options_.user_agent, options_.patience}),
      scheme_(options_.image.plain_http_allowed() ? Scheme::kUnknown : Scheme::kHttps),
      authorization_(options_.broker, options_.place, options_.endpoint,
                     options_.image.authorization()) {}

absl::StatusOr<std::unique_ptr<RegistryAnswer>> RegistryClient::Send(
    const RegistryRequest& request) {
  for (int attempt = 1;; ++attempt) {
    Attempt result = TryOnce(request);
    if (attempt >= std::min(request.attempts, MaxAttempts(result))) {
      return std::move(result.answer);
    }
    const absl::Duration delay = DelayBefore(result, attempt);
    if (!budget_.Spend(delay)) {
      return std::move(result.answer);
    }
    if (result.answer.ok()) {
      (*result.answer)->Discard();
      result.answer->reset();
    }
    Wait(delay);
  }
}

// A registry has proven itself by an answer that is no trouble of its own.
int RegistryClient::MaxAttempts(const Attempt& failed) {
  if (!failed.answer.ok()) {
    // An answer of whatever status shows that the registry speaks TLS.
    const bool proven = failed.failure == HttpFailure::kTlsReset ? answered_ : proven_;
    return holkas::MaxAttempts(failed.failure, proven);
  }
  const int attempts = holkas::MaxAttempts((*failed.answer)->head().status, proven_);
  if (attempts == 1) {
    proven_ = true;
  }
  return attempts;
}

absl::Duration RegistryClient::DelayBefore(const Attempt& failed, int attempt) const {
  if (failed.answer.ok()) {
    const auto asked = ParseRetryAfter((*failed.answer)->head().Header("Retry-After"), absl::Now());
    if (asked.has_value()) {
      return *asked;
    }
  }
  return RetryDelay(options_.retry, attempt);
}

RegistryClient::Attempt RegistryClient::TryOnce(const RegistryRequest& request) {
  if (scheme_ == Scheme::kUnknown) {
    absl::MutexLock lock(&probe_mutex_);
    if (scheme_ == Scheme::kUnknown) {
      return TryBothSchemes(request);
    }
  }
  return TryWithCredentials(request, UrlFor(request, scheme_ == Scheme::kHttps));
}

// The request itself is the probe, so that finding out costs a registry with TLS nothing and one
// without it one connection.
RegistryClient::Attempt RegistryClient::TryBothSchemes(const RegistryRequest& request) {
  Attempt secure = TryWithCredentials(request, UrlFor(request, true));
  if (secure.answer.ok()) {
    scheme_ = Scheme::kHttps;
    return secure;
  }
  if (secure.failure != HttpFailure::kTls && secure.failure != HttpFailure::kTlsReset &&
      secure.failure != HttpFailure::kConnect) {
    return secure;
  }
  Attempt plain = TryWithCredentials(request, UrlFor(request, false));
  if (plain.answer.ok() && WantsTls((*plain.answer)->head())) {
    return secure;
  }
  if (plain.answer.ok()) {
    scheme_ = Scheme::kHttp;
  }
  return plain;
}

RegistryClient::Attempt RegistryClient::TryWithCredentials(const RegistryRequest& request,
                                                           const Url& url) {
  for (int round = 1;; ++round) {
    const std::string sent = authorization_.Current();
    Attempt attempt = TryWithRedirects(request, url);
    if (!attempt.answer.ok() || (*attempt.answer)->head().status != 401 ||
        !IsOwnOrigin((*attempt.answer)->url().origin()) || round == kMaxAuthorizationRounds) {
      return attempt;
    }
    const absl::StatusOr<bool> learned = authorization_.Learn((*attempt.answer)->head(), sent);
    if (!learned.ok()) {
      return {learned.status(), HttpFailure::kDenied};
    }
    if (!*learned) {
      return attempt;
    }
    (*attempt.answer)->Discard();
  }
}

RegistryClient::Attempt RegistryClient::TryWithRedirects(const RegistryRequest& request, Url url) {
  for (int hop = 0; hop <= kMaxRedirects; ++hop) {
    Attempt attempt = TryHop(request, url);
    if (!attempt.answer.ok() || !IsFollowed(request) ||
        !IsRedirect((*attempt.answer)->head().status)) {
      return attempt;
    }
    absl::StatusOr<Url> next = ResolveLocation(**attempt.answer);
    if (!next.ok()) {
      return {WithUrl(next.status(), request, url), HttpFailure::kMalformed};
    }
    (*attempt.answer)->Discard();
    url = *std::move(next);
  }
  const absl::Status error = MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
                                       absl::StrCat("more than ", kMaxRedirects, " redirects"));
  return {WithUrl(error, request, url), HttpFailure::kLimit};
}

RegistryClient::Attempt RegistryClient::TryHop(const RegistryRequest& request, const Url& url) {
  const bool offered = offer_http2_;
  Attempt attempt = TryVersion(request, url);
  if (attempt.failure != HttpFailure::kHttpVersion || offered || !url.origin().https) {
    return attempt;
  }
  offer_http2_ = true;
  Attempt other = TryVersion(request, url);
  return other.answer.ok() ? std::move(other) : std::move(attempt);
}

RegistryClient::Attempt RegistryClient::TryVersion(const RegistryRequest& request, const Url& url) {
  absl::StatusOr<std::unique_ptr<RegistryAnswer>> answer =
      Start(MakeHttpRequest(request, url), url);
  if (!answer.ok()) {
    return {answer.status(), HttpFailure::kLimit};
  }
  absl::Status status = (*answer)->Await();
  if (status.ok()) {
    answered_ = true;
  }
  if (status.ok() && !request.is_blob) {
    status = (*answer)->exchange().Prefetch();
  }
  if (!status.ok()) {
    const HttpFailure failure = (*answer)->exchange().failure();
    if (MaySpeakPlainHttp(failure, status, url.origin())) {
      status = Unavailable(
          absl::StrCat(absl::StripTrailingAsciiWhitespace(status.message()), kPerhapsPlainHttp));
    }
    return {WithUrl(status, request, url), failure};
  }
  return {std::move(answer), HttpFailure::kNone};
}

absl::StatusOr<std::unique_ptr<RegistryAnswer>> RegistryClient::StartUpload(
    const RegistryRequest& request) {
  const Url url = UrlFor(request, scheme_ != Scheme::kHttp);
  HttpRequest http = MakeHttpRequest(request, url);
  http.body = HttpRequest::Body::kStream;
  std::string authorization = authorization_.Current();
  ASSIGN_OR_RETURN(std::unique_ptr<RegistryAnswer> answer, Start(http, url));
  answer->authorization_ = std::move(authorization);
  return answer;
}

bool RegistryClient::Reauthorize(const RegistryAnswer& refusal) {
  if (refusal.head().status != 401 || !IsOwnOrigin(refusal.url().origin())) {
    return false;
  }
  const absl::StatusOr<bool> learned = authorization_.Learn(refusal.head(), refusal.authorization_);
  return learned.ok() && *learned;
}

bool RegistryClient::WaitAfter(int attempt) {
  const absl::Duration delay = RetryDelay(options_.retry, attempt);
  if (!budget_.Spend(delay)) {
    return false;
  }
  Wait(delay);
  return true;
}

absl::StatusOr<std::unique_ptr<RegistryAnswer>> RegistryClient::Start(const HttpRequest& http,
                                                                      const Url& url) {
  ASSIGN_OR_RETURN(ClientPool::Lease lease, pool_.Take());
  ASSIGN_OR_RETURN(std::unique_ptr<HttpExchange> exchange, lease->Start(http));
  return std::make_unique<RegistryAnswer>(std::move(lease), std::move(exchange), url);
}

HttpRequest RegistryClient::MakeHttpRequest(const RegistryRequest& request, const Url& url) const {
  HttpRequest http = {.method = request.method, .url = url, .headers = request.headers};
  http.extra_patience = request.extra_patience;
  http.offer_http2 = offer_http2_;
  if (request.body.has_value()) {
    http.body = HttpRequest::Body::kBytes;
    http.bytes = *request.body;
  }
  if (IsOwnOrigin(url.origin())) {
    if (std::string authorization = authorization_.Current(); !authorization.empty()) {
      http.headers.emplace_back("Authorization", std::move(authorization));
    }
  } else {
    http.purpose = broker::PURPOSE_REDIRECT;
  }
  if (scheme_ == Scheme::kUnknown) {
    http.handshake_timeout = kProbeHandshakeTimeout;
  }
  return http;
}

Url RegistryClient::UrlFor(const RegistryRequest& request, bool https) const {
  if (request.url.has_value()) {
    return *request.url;
  }
  const std::string below =
      request.path.empty() ? "" : absl::StrCat(options_.image.repository(), "/", request.path);
  return Url(OriginOf(options_.image, https), absl::StrCat("/v2/", below));
}

bool RegistryClient::IsOwnOrigin(const Origin& origin) const {
  const bool https = origin.https;
  return (https ? scheme_ != Scheme::kHttp : scheme_ != Scheme::kHttps) &&
         origin == OriginOf(options_.image, https);
}

bool RegistryClient::MaySpeakPlainHttp(HttpFailure failure, const absl::Status& status,
                                       const Origin& origin) const {
  // OpenSSL's words for bytes that are no TLS.
  const bool no_tls =
      failure == HttpFailure::kTls && absl::StrContains(status.message(), "wrong version number");
  return (no_tls || failure == HttpFailure::kTlsReset) && !answered_ &&
         !options_.image.plain_http_allowed() && IsOwnOrigin(origin);
}

absl::StatusOr<Url> RegistryClient::ResolveLocation(const RegistryAnswer& answer) const {
  absl::StatusOr<Url> target = answer.url().Resolve(answer.head().Header("Location"));
  if (!target.ok()) {
    return RegistryUrlError(target.status(), "the registry's Location");
  }
  if (answer.url().origin().https && !target->origin().https) {
    return Unavailable(absl::StrCat("the registry leads from https to ", target->ForMessage(),
                                    ", which is refused"));
  }
  return target;
}

// Skopeo asks for /v2/ before anything else, and its users look for that in messages.
absl::Status RegistryClient::WithUrl(const absl::Status& status, const RegistryRequest& request,
                                     const Url& url) const {
  const std::string own = OriginOf(options_.image, url.origin().https).ToString();
  if (!answered_ && !request.url.has_value()) {
    const std::string host = own.substr(own.find("//") + 2);
    return WithContext(
        status, absl::StrCat("pinging container registry ", host, ": Get \"", own, "/v2/\""));
  }
  std::string verb = absl::AsciiStrToLower(request.method);
  verb[0] = absl::ascii_toupper(static_cast<unsigned char>(verb[0]));
  return WithContext(status, absl::StrCat(verb, " \"", url.ForMessage(), "\""));
}

}  // namespace holkas
