#include "worker/http/http_client.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace holkas {
namespace {

// A piece of a body (worker/blob/copy_bytes.h) with what frames it as a chunk: sent as one.
constexpr long kSendBufferBytes = 132 << 10;  // NOLINT(google-runtime-int): libcurl's type
// A registry and where it redirects to.
constexpr long kMaxIdleConnections = 4;  // NOLINT(google-runtime-int): libcurl's type
// libcurl wants an address for the name. It goes nowhere: the socket is connected already.
constexpr absl::string_view kPlaceholderAddress = "192.0.2.1";

// libcurl makes a context for each connection; the authorities come from memory.
CURLcode UseStore(CURL*, void* context, void* store) {
  auto* const authorities = static_cast<X509_STORE*>(store);
  X509_STORE_up_ref(authorities);
  SSL_CTX_set_cert_store(static_cast<SSL_CTX*>(context), authorities);
  return CURLE_OK;
}

void SetBlob(CURL* easy, CURLoption option, const std::string& data) {
  curl_blob blob = {const_cast<char*>(data.data()), data.size(), CURL_BLOB_NOCOPY};
  curl_easy_setopt(easy, option, &blob);
}

bool IsHeaderSafe(absl::string_view text) {
  return text.find_first_of(absl::string_view("\r\n\0", 3)) == absl::string_view::npos;
}

}  // namespace

absl::Status InitializeHttp() {
  if (OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS | OPENSSL_INIT_LOAD_CRYPTO_STRINGS |
                           OPENSSL_INIT_LOAD_CONFIG,
                       nullptr) != 1) {
    return absl::InternalError("OPENSSL_init_ssl failed");
  }
  // The first context loads algorithms.
  SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  const bool works = context != nullptr;
  SSL_CTX_free(context);
  unsigned char bytes[EVP_MAX_MD_SIZE];
  if (!works || RAND_bytes(bytes, 1) != 1 || RAND_priv_bytes(bytes, 1) != 1 ||
      EVP_Digest("", 0, bytes, nullptr, EVP_sha256(), nullptr) != 1) {
    return absl::InternalError("OpenSSL does not work");
  }
  if (curl_global_init(CURL_GLOBAL_ALL) != CURLE_OK) {
    return absl::InternalError("curl_global_init failed");
  }
  CURL* const easy = curl_easy_init();
  if (easy == nullptr) {
    return absl::InternalError("curl_easy_init failed");
  }
  curl_easy_cleanup(easy);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<HttpClient>> HttpClient::New(Options options) {
  std::unique_ptr<HttpClient> client(new HttpClient(std::move(options)));
  client->multi_ = curl_multi_init();
  client->easy_ = curl_easy_init();
  if (client->multi_ == nullptr || client->easy_ == nullptr) {
    return absl::ResourceExhaustedError("no memory for an HTTP client");
  }
  curl_multi_setopt(client->multi_, CURLMOPT_MAXCONNECTS, kMaxIdleConnections);
  curl_multi_setopt(client->multi_, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
  return client;
}

HttpClient::~HttpClient() {
  if (easy_ != nullptr) {
    curl_easy_cleanup(easy_);
  }
  if (multi_ != nullptr) {
    curl_multi_cleanup(multi_);
  }
  ResetLists();
}

absl::StatusOr<std::unique_ptr<HttpExchange>> HttpClient::Start(const HttpRequest& request) {
  curl_easy_reset(easy_);
  ResetLists();
  SetConnectionOptions(request);
  if (request.url.origin().https) {
    SetTlsOptions(request);
  }
  SetMethod(request);
  if (!SetHeaders(request)) {
    return absl::InvalidArgumentError("a header to be sent has a line break");
  }
  HttpExchange::Peer peer = {options_.broker, options_.place, request.purpose,
                             request.url.origin()};
  PeerPatience patience = options_.patience;
  patience.idle += request.extra_patience;
  return std::make_unique<HttpExchange>(multi_, easy_, std::move(peer), patience,
                                        request.stream_size_bytes);
}

void HttpClient::SetConnectionOptions(const HttpRequest& request) {
  const Origin& origin = request.url.origin();
  curl_easy_setopt(easy_, CURLOPT_URL, request.url.ToString().c_str());
  curl_easy_setopt(easy_, CURLOPT_PROTOCOLS_STR, origin.https ? "https" : "http");
  curl_easy_setopt(easy_, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(
      easy_, CURLOPT_HTTP_VERSION,
      static_cast<long>(request.offer_http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy_, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy_, CURLOPT_PROXY, "");
  curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy_, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  curl_easy_setopt(easy_, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(absl::ToInt64Milliseconds(request.handshake_timeout)));
  curl_easy_setopt(easy_, CURLOPT_BUFFERSIZE,
                   static_cast<long>(kReceiveBufferBytes));  // NOLINT(google-runtime-int)
  curl_easy_setopt(easy_, CURLOPT_UPLOAD_BUFFERSIZE, kSendBufferBytes);
  curl_easy_setopt(easy_, CURLOPT_USERAGENT, options_.user_agent.c_str());
  // Every name, also one that is nearly an address: libcurl would look up what it does not find
  // here, which in a worker fails as an outage does.
  if (!absl::StrContains(origin.host, ':')) {
    const std::string entry = absl::StrCat(origin.host, ":", origin.port, ":", kPlaceholderAddress);
    resolve_ = curl_slist_append(nullptr, entry.c_str());
    curl_easy_setopt(easy_, CURLOPT_RESOLVE, resolve_);
  }
}

void HttpClient::SetTlsOptions(const HttpRequest& request) {
  const TlsSettings& tls = options_.tls;
  // Otherwise libcurl would open the files that it was built with.
  curl_easy_setopt(easy_, CURLOPT_CAINFO, nullptr);
  curl_easy_setopt(easy_, CURLOPT_CAPATH, nullptr);
  curl_easy_setopt(easy_, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  curl_easy_setopt(easy_, CURLOPT_SSL_VERIFYPEER, tls.verify() ? 1L : 0L);
  curl_easy_setopt(easy_, CURLOPT_SSL_VERIFYHOST, tls.verify() ? 2L : 0L);
  curl_easy_setopt(easy_, CURLOPT_SSL_CTX_FUNCTION, &UseStore);
  curl_easy_setopt(easy_, CURLOPT_SSL_CTX_DATA, tls.store());
  if (request.purpose != broker::PURPOSE_REDIRECT && tls.has_client_certificate()) {
    SetBlob(easy_, CURLOPT_SSLCERT_BLOB, tls.client_certificate_pem());
    SetBlob(easy_, CURLOPT_SSLKEY_BLOB, tls.client_key_pem());
  }
}

void HttpClient::SetMethod(const HttpRequest& request) {
  switch (request.body) {
    case HttpRequest::Body::kNone:
      if (request.method == "HEAD") {
        curl_easy_setopt(easy_, CURLOPT_NOBODY, 1L);
      } else {
        curl_easy_setopt(easy_, CURLOPT_HTTPGET, 1L);
      }
      break;
    case HttpRequest::Body::kBytes:
      curl_easy_setopt(easy_, CURLOPT_POST, 1L);
      curl_easy_setopt(easy_, CURLOPT_POSTFIELDS,
                       request.bytes.empty() ? "" : request.bytes.data());
      curl_easy_setopt(easy_, CURLOPT_POSTFIELDSIZE_LARGE,
                       static_cast<curl_off_t>(request.bytes.size()));
      break;
    case HttpRequest::Body::kStream:
      curl_easy_setopt(easy_, CURLOPT_UPLOAD, 1L);
      curl_easy_setopt(easy_, CURLOPT_INFILESIZE_LARGE,
                       static_cast<curl_off_t>(request.stream_size_bytes));
      break;
  }
  if (request.method != "HEAD" && request.method != "GET") {
    curl_easy_setopt(easy_, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
}

bool HttpClient::SetHeaders(const HttpRequest& request) {
  // No waiting for leave to send, and no content type that nobody chose.
  headers_ = curl_slist_append(nullptr, "Expect:");
  bool has_content_type = false;
  for (const auto& [name, value] : request.headers) {
    if (!IsHeaderSafe(name) || !IsHeaderSafe(value)) {
      return false;
    }
    has_content_type |= absl::EqualsIgnoreCase(name, "Content-Type");
    headers_ = curl_slist_append(headers_, absl::StrCat(name, ": ", value).c_str());
  }
  if (!has_content_type) {
    headers_ = curl_slist_append(headers_, "Content-Type:");
  }
  curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, headers_);
  return true;
}

void HttpClient::ResetLists() {
  curl_slist_free_all(std::exchange(headers_, nullptr));
  curl_slist_free_all(std::exchange(resolve_, nullptr));
}

}  // namespace holkas
