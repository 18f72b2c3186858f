#ifndef HOLKAS_WORKER_HTTP_HTTP_CLIENT_H_
#define HOLKAS_WORKER_HTTP_HTTP_CLIENT_H_

#include <curl/curl.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/broker/broker.h"
#include "worker/http/http_exchange.h"
#include "worker/http/http_message.h"
#include "worker/http/stall_watch.h"
#include "worker/http/tls_settings.h"

namespace holkas {

// Loads what libcurl and OpenSSL would otherwise read from files when first used. Before the
// sandbox closes, before any thread; again is harmless. Errors: INTERNAL where one does not work.
absl::Status InitializeHttp();

// HTTP/1.1, or HTTP/2 where a request offers it, over libcurl with connections that are kept alive,
// all of them from the broker. One exchange at a time; used by one thread at a time. Leaves out
// what a library would do by itself: redirects, proxies, cookies, netrc, HSTS, alternative
// services, compression, name resolution.
class HttpClient {
 public:
  // Everything referred to outlives the client.
  struct Options {
    Broker& broker;
    broker::Place place;
    const TlsSettings& tls;
    std::string user_agent;
    PeerPatience patience;
  };

  static absl::StatusOr<std::unique_ptr<HttpClient>> New(Options options);
  HttpClient(const HttpClient&) = delete;
  ~HttpClient();

  // Begins an exchange, which does nothing until it is driven. It must be gone before the next one
  // is begun and before the client is destroyed.
  absl::StatusOr<std::unique_ptr<HttpExchange>> Start(const HttpRequest& request);

 private:
  explicit HttpClient(Options options) : options_(std::move(options)) {}

  void SetConnectionOptions(const HttpRequest& request);
  void SetTlsOptions(const HttpRequest& request);
  void SetMethod(const HttpRequest& request);
  bool SetHeaders(const HttpRequest& request);
  void ResetLists();

  const Options options_;
  CURLM* multi_ = nullptr;
  CURL* easy_ = nullptr;
  curl_slist* headers_ = nullptr;
  curl_slist* resolve_ = nullptr;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_HTTP_HTTP_CLIENT_H_
