#ifndef HOLKAS_WORKER_TRANSPORTS_REGISTRY_REGISTRY_CLIENT_H_
#define HOLKAS_WORKER_TRANSPORTS_REGISTRY_REGISTRY_CLIENT_H_

#include <atomic>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "broker/broker.pb.h"
#include "worker/broker/broker.h"
#include "worker/http/http_client.h"
#include "worker/http/retry.h"
#include "worker/transports/registry/client_pool.h"
#include "worker/transports/registry/registry_authorization.h"
#include "worker/transports/registry/registry_error.h"

namespace holkas {

// Redirects of one request that are followed.
inline constexpr int kMaxRedirects = 5;

// A request to a registry.
struct RegistryRequest {
  std::string method = "GET";
  // Below the repository, `manifests/latest`; empty: the registry's base path. Or where the
  // registry said to go.
  std::string path = {};
  std::optional<Url> url = std::nullopt;
  std::vector<std::pair<std::string, std::string>> headers = {};
  // Outlives the call. Every request with a body that is not streamed may be repeated.
  std::optional<absl::string_view> body = std::nullopt;
  // Fewer where the failure is not worth as many (worker/http/retry.h).
  int attempts = std::numeric_limits<int>::max();
  // The answer's body is a blob, which who reads it takes up again when it breaks off. Every other
  // body belongs to its answer: where it breaks off, the request is tried again.
  bool is_blob = false;
  // As in HttpRequest.
  absl::Duration extra_patience = absl::ZeroDuration();
};

// The head of a registry's answer, with the rest to be read. Holds a client of the pool.
class RegistryAnswer {
 public:
  RegistryAnswer(ClientPool::Lease lease, std::unique_ptr<HttpExchange> exchange, Url url)
      : lease_(std::move(lease)), exchange_(std::move(exchange)), url_(std::move(url)) {}

  const HttpResponse& head() const { return *head_; }
  HttpExchange& exchange() { return *exchange_; }
  // Where the answer came from, after redirects.
  const Url& url() const { return url_; }

  // Waits for the head.
  absl::Status Await();
  // The body's end, so that the connection can be used again; or closes the connection where the
  // body is not worth reading.
  void Discard();
  // The error that the answer stands for.
  absl::Status Error(RegistryObject object);

 private:
  ClientPool::Lease lease_;
  std::unique_ptr<HttpExchange> exchange_;
  Url url_;
  const HttpResponse* head_ = nullptr;
  // The Authorization header that was sent, of StartUpload alone.
  std::string authorization_;
  friend class RegistryClient;
};

// Speaks with the registry of one place of a job, for one repository: finds out once whether it
// speaks HTTPS, presents credentials to the registry's own origin and to nobody else, follows the
// redirects of GET and HEAD hop by hop, tries again what is worth it. Thread-safe.
class RegistryClient {
 public:
  // Everything referred to outlives the client.
  struct Options {
    Broker& broker;
    broker::Place place;
    const broker::RegistryImage& image;
    std::string user_agent;
    // 0 for the registry itself, else the number of its mirror.
    uint32_t endpoint = 0;
    PeerPatience patience = {};
    RetryPolicy retry = {};
  };

  // Errors: INVALID_ARGUMENT (INVALID_FIELD) for malformed certificates.
  static absl::StatusOr<std::unique_ptr<RegistryClient>> New(Options options);

  // Sends the request; gives the answer, whatever its status, with its head read. Statuses that are
  // worth it were tried again, 401 was answered with credentials where there are any.
  // Errors: UNAVAILABLE (REGISTRY_UNAVAILABLE); PERMISSION_DENIED (ADDRESS_DENIED);
  // RESOURCE_EXHAUSTED (LIMIT_EXCEEDED).
  absl::StatusOr<std::unique_ptr<RegistryAnswer>> Send(const RegistryRequest& request);

  // Begins a request whose body is streamed in chunks, `request.body` not set: nothing is awaited
  // or repeated. After at least one Send.
  absl::StatusOr<std::unique_ptr<RegistryAnswer>> StartUpload(const RegistryRequest& request);

  // Whether a 401 to what StartUpload began leads to another answer when it is begun again.
  bool Reauthorize(const RegistryAnswer& refusal);

  // Waits before something is tried again that is more than one request.
  void Wait(absl::Duration delay) const { options_.retry.sleep(delay); }
  // The same after the failed attempt of that number, from 1; false where the job may not try any
  // more.
  bool WaitAfter(int attempt);

  // Where an upload continues, by the Location of an answer.
  // Errors: UNAVAILABLE for a malformed one and for one that leads from HTTPS to HTTP;
  // RESOURCE_EXHAUSTED (LIMIT_EXCEEDED) for one that is too long.
  absl::StatusOr<Url> ResolveLocation(const RegistryAnswer& answer) const;

  // `host[:port]/path`.
  const std::string& repository_name() const { return repository_name_; }
  const broker::RegistryImage& image() const { return options_.image; }

 private:
  enum class Scheme { kUnknown, kHttps, kHttp };
  struct Attempt {
    absl::StatusOr<std::unique_ptr<RegistryAnswer>> answer;
    HttpFailure failure = HttpFailure::kNone;
    absl::Status status() const { return answer.status(); }
  };

  RegistryClient(Options options, TlsSettings tls);

  Attempt TryOnce(const RegistryRequest& request);
  Attempt TryBothSchemes(const RegistryRequest& request);
  Attempt TryWithCredentials(const RegistryRequest& request, const Url& url);
  Attempt TryWithRedirects(const RegistryRequest& request, Url url);
  Attempt TryHop(const RegistryRequest& request, const Url& url);
  Attempt TryVersion(const RegistryRequest& request, const Url& url);

  absl::StatusOr<std::unique_ptr<RegistryAnswer>> Start(const HttpRequest& http, const Url& url);
  HttpRequest MakeHttpRequest(const RegistryRequest& request, const Url& url) const;
  Url UrlFor(const RegistryRequest& request, bool https) const;
  // Whether the registry did as one without TLS does, where plain HTTP may not be tried.
  bool MaySpeakPlainHttp(HttpFailure failure, const absl::Status& status,
                         const Origin& origin) const;
  bool IsOwnOrigin(const Origin& origin) const;
  int MaxAttempts(const Attempt& failed);
  absl::Duration DelayBefore(const Attempt& failed, int attempt) const;
  absl::Status WithUrl(const absl::Status& status, const RegistryRequest& request,
                       const Url& url) const;

  const Options options_;
  const TlsSettings tls_;
  const std::string repository_name_;
  ClientPool pool_;

  std::atomic<Scheme> scheme_;
  // Whether the registry ever answered.
  std::atomic<bool> answered_ = false;
  // Whether HTTP/2 is offered: to a peer that speaks nothing else. The two cost the same for small
  // answers, and for blobs HTTP/1.1 is faster.
  std::atomic<bool> offer_http2_ = false;
  // Whether it ever answered as one that works.
  std::atomic<bool> proven_ = false;
  RetryBudget budget_;
  // Held by the one request that finds out the scheme.
  absl::Mutex probe_mutex_;
  RegistryAuthorization authorization_;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_REGISTRY_REGISTRY_CLIENT_H_
