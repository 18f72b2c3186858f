#ifndef HOLKAS_WORKER_HTTP_HTTP_EXCHANGE_H_
#define HOLKAS_WORKER_HTTP_HTTP_EXCHANGE_H_

#include <curl/curl.h>

#include <array>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "worker/broker/broker.h"
#include "worker/http/http_message.h"
#include "worker/http/stall_watch.h"

namespace holkas {

// The heads of all responses to one request never have more bytes than this together.
inline constexpr size_t kMaxHeadBytes = 64 << 10;
// A request never has more responses than this, interim ones (1xx) counted.
inline constexpr int kMaxResponses = 100;
// No line of a trailer has more bytes, its end counted: libcurl's own bound.
inline constexpr size_t kMaxTrailerLineBytes = 4095;
// How much libcurl receives at once.
inline constexpr size_t kReceiveBufferBytes = 128 << 10;
// What is received beyond what the caller asked for; then receiving pauses.
inline constexpr size_t kMaxBufferedBytes = 256 << 10;

// Why an exchange failed, for who decides on trying again.
enum class HttpFailure {
  kNone,
  kDenied,       // the broker refuses the connection, or nobody waits for the answer
  kConnect,      // no connection
  kTls,          // no TLS over the connection
  kTlsReset,     // the connection broke while TLS was negotiated
  kCertificate,  // the peer's certificate is not trusted
  kReset,        // the connection broke
  kStall,        // the peer is too slow
  kMalformed,    // not HTTP
  kHttpVersion,  // perhaps HTTP, of a version that was not offered
  kLimit,        // one of the bounds above
};

// One request and its response, on the thread of its HttpClient. Blocking: whoever calls drives the
// connection. Never follows redirects, never retries, knows no status. Errors are UNAVAILABLE
// (REGISTRY_UNAVAILABLE), RESOURCE_EXHAUSTED (LIMIT_EXCEEDED), or what the broker answered;
// failure() tells them apart. Destroying it before the end of the response closes the connection.
class HttpExchange {
 public:
  struct Peer {
    Broker& broker;
    broker::Place place;
    broker::Purpose purpose;
    Origin origin;
  };

  // Made by HttpClient::Start. The handles outlive the exchange; `easy` is set up but for what
  // concerns the data. `stream_size_bytes`: of a streamed body, -1 where it is not known.
  HttpExchange(CURLM* multi, CURL* easy, Peer peer, const PeerPatience& patience,
               int64_t stream_size_bytes);
  HttpExchange(const HttpExchange&) = delete;
  ~HttpExchange();

  // kStream only: sends `data`; returns when the kernel has it, or libcurl where it is the body's
  // last. ABORTED where the peer answered before the end of the body: AwaitResponse tells what.
  absl::Status Write(absl::string_view data);
  // kStream only: the body is complete.
  void EndBody();

  // Waits for the head of the final response.
  absl::StatusOr<const HttpResponse*> AwaitResponse();

  // After AwaitResponse: waits for the body, as far as kMaxBufferedBytes, and keeps it for Read.
  // An error where it breaks off before.
  absl::Status Prefetch();
  // After AwaitResponse: some bytes of the response's body, 0 at its end.
  absl::StatusOr<size_t> Read(absl::Span<char> buffer);
  // The same, in `buffer` or in memory of libcurl's, where they stay until the next call.
  absl::StatusOr<absl::string_view> ReadPiece(absl::Span<char> buffer);
  // After AwaitResponse: the (rest of the) body.
  // Errors: RESOURCE_EXHAUSTED (LIMIT_EXCEEDED) where it is longer than `max_bytes`.
  absl::StatusOr<std::string> ReadAll(size_t max_bytes);

  HttpFailure failure() const { return failure_; }
  // Whether the response is there to its end.
  bool complete() const { return done_ && failure_ == HttpFailure::kNone; }

 private:
  static size_t OnHeader(char* data, size_t size, size_t count, void* self);
  static size_t OnBody(char* data, size_t size, size_t count, void* self);
  static size_t OnNeedBody(char* data, size_t size, size_t count, void* self);
  static curl_socket_t OnOpenSocket(void* self, curlsocktype purpose, curl_sockaddr* address);

  size_t TakeHeaderLine(absl::string_view line);
  size_t TakeBody(absl::string_view data);
  absl::StatusOr<absl::string_view> Receive(absl::Span<char> buffer, bool may_lend);
  curl_socket_t OpenSocket();

  // Takes one step: moves bytes, or waits for the peer.
  absl::Status Step();
  void CollectResult();
  absl::Status ErrorOf(CURLcode code);
  absl::Status Fail(HttpFailure failure, absl::Status error);
  // Whether the caller gets `data` where it is.
  bool Lend(absl::string_view data);
  void PauseReceiving();
  void Resume();

  CURLM* const multi_;
  CURL* const easy_;
  const Peer peer_;
  StallWatch watch_;
  std::array<char, CURL_ERROR_SIZE> error_text_{};

  HttpResponse response_;
  bool head_complete_ = false;
  size_t head_bytes_ = 0;
  int responses_ = 0;

  absl::Span<char> wanted_;  // the rest of the caller's buffer during Read
  bool may_lend_ = false;    // what libcurl gives now stays as it is while receiving pauses
  absl::string_view lent_;   // what it gave so, in place of the caller's buffer
  std::string beyond_;       // what came beyond it
  size_t beyond_taken_ = 0;
  bool pieces_on_demand_ = false;  // receiving pauses where the caller has no room
  // What libcurl received at once, as far as it gave it: it gives 16 KiB at a time.
  absl::string_view run_;
  size_t largest_run_ = 0;
  bool receiving_paused_ = false;

  absl::string_view to_send_;
  int64_t unsent_bytes_;     // of the whole body; negative where its size is not known
  bool wants_body_ = false;  // libcurl has sent all that it was given
  bool body_ended_ = false;
  bool sending_paused_ = false;

  uint64_t events_ = 0;  // counts callbacks: a step with one need not wait
  bool done_ = false;
  HttpFailure failure_ = HttpFailure::kNone;
  absl::Status error_;  // of the broker or of a bound, found in a callback
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_HTTP_HTTP_EXCHANGE_H_
