#include "worker/http/http_exchange.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "proto/wire/error.h"
#include "proto/wire/printable.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

// What a message quotes of libcurl, which quotes the peer.
constexpr size_t kMaxQuotedBytes = 256;
// Where the socket gave less at once last time, pieces are gathered in the caller's buffer: handed
// on one by one they would cost a system call each.
constexpr size_t kLeastLentBytes = 64 << 10;
// libcurl has timers of its own, and the caller may go: waiting is cut into pieces of at most this.
constexpr absl::Duration kLongestWait = absl::Milliseconds(100);

absl::Status Unavailable(absl::string_view message) {
  return MakeError(absl::StatusCode::kUnavailable, "REGISTRY_UNAVAILABLE", message);
}

absl::Status LimitExceeded(absl::string_view message) {
  return MakeError(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED", message);
}

absl::Status TooLongHeads() {
  return LimitExceeded(absl::StrCat("the response has more than ", kMaxHeadBytes,
                                    " bytes of headers or ", kMaxResponses, " heads"));
}

// How libcurl ends its complaints about the framing of a body: their code is a broken connection's.
constexpr absl::string_view kBadChunks = " in chunked-encoding";

// The error where the peer went beyond a bound of libcurl's own, which is a lack of memory to it: a
// header's, 100 KiB, or a trailer's.
absl::Status LimitOf(CURLcode code, absl::string_view detail, bool head_complete) {
  if (code == CURLE_OUT_OF_MEMORY && !head_complete) {
    return TooLongHeads();
  }
  if (code == CURLE_RECV_ERROR && detail == absl::StrCat("Out of memory", kBadChunks)) {
    return LimitExceeded(absl::StrCat("the response has a trailer with a line of more than ",
                                      kMaxTrailerLineBytes, " bytes"));
  }
  return absl::OkStatus();
}

// Whether the connection ended during the handshake. What OpenSSL has against bytes that it
// received (an alert, a certificate, no TLS) is told as `OpenSSL/VERSION: error:...`; the end of
// the connection is a system call's error, or that of SSL_connect where there is none. A
// close_notify is an answer.
bool BrokeInHandshake(absl::string_view detail) {
  return absl::StartsWith(detail, "Recv failure: ") || absl::StartsWith(detail, "Send failure: ") ||
         (absl::StartsWith(detail, "OpenSSL SSL_connect: ") &&
          !absl::StrContains(detail, "SSL_ERROR_ZERO_RETURN"));
}

HttpFailure FailureOf(CURLcode code, absl::string_view detail) {
  switch (code) {
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
      return HttpFailure::kConnect;
    case CURLE_SSL_CONNECT_ERROR:
      // libcurl has no codes for these.
      if (absl::StrContains(detail, "no application protocol")) {
        return HttpFailure::kHttpVersion;
      }
      return BrokeInHandshake(detail) ? HttpFailure::kTlsReset : HttpFailure::kTls;
    case CURLE_UNSUPPORTED_PROTOCOL:  // no status line: HTTP/2's first frame is none
    case CURLE_WEIRD_SERVER_REPLY:
      return HttpFailure::kHttpVersion;
    case CURLE_OPERATION_TIMEDOUT:  // only the handshake has a time limit in libcurl
      return HttpFailure::kTls;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_ISSUER_ERROR:
      return HttpFailure::kCertificate;
    case CURLE_RECV_ERROR:
      return absl::EndsWith(detail, kBadChunks) ? HttpFailure::kMalformed : HttpFailure::kReset;
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_SEND_ERROR:
    case CURLE_SEND_FAIL_REWIND:
      return HttpFailure::kReset;
    default:
      return HttpFailure::kMalformed;
  }
}

}  // namespace

HttpExchange::HttpExchange(CURLM* multi, CURL* easy, Peer peer, const PeerPatience& patience,
                           int64_t stream_size_bytes)
    : multi_(multi),
      easy_(easy),
      peer_(std::move(peer)),
      watch_(patience),
      unsent_bytes_(stream_size_bytes) {
  curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, error_text_.data());
  curl_easy_setopt(easy_, CURLOPT_HEADERFUNCTION, &HttpExchange::OnHeader);
  curl_easy_setopt(easy_, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, &HttpExchange::OnBody);
  curl_easy_setopt(easy_, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(easy_, CURLOPT_READFUNCTION, &HttpExchange::OnNeedBody);
  curl_easy_setopt(easy_, CURLOPT_READDATA, this);
  curl_easy_setopt(easy_, CURLOPT_OPENSOCKETFUNCTION, &HttpExchange::OnOpenSocket);
  curl_easy_setopt(easy_, CURLOPT_OPENSOCKETDATA, this);
  curl_multi_add_handle(multi_, easy_);
}

HttpExchange::~HttpExchange() {
  curl_multi_remove_handle(multi_, easy_);
  curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, nullptr);
}

size_t HttpExchange::OnHeader(char* data, size_t size, size_t count, void* self) {
  return static_cast<HttpExchange*>(self)->TakeHeaderLine({data, size * count});
}

size_t HttpExchange::OnBody(char* data, size_t size, size_t count, void* self) {
  return static_cast<HttpExchange*>(self)->TakeBody({data, size * count});
}

size_t HttpExchange::OnNeedBody(char* data, size_t size, size_t count, void* self) {
  auto& exchange = *static_cast<HttpExchange*>(self);
  ++exchange.events_;
  const size_t taken = std::min(size * count, exchange.to_send_.size());
  if (taken == 0) {
    if (exchange.body_ended_) {
      return 0;
    }
    exchange.wants_body_ = true;
    exchange.sending_paused_ = true;
    return CURL_READFUNC_PAUSE;
  }
  std::memcpy(data, exchange.to_send_.data(), taken);
  exchange.to_send_.remove_prefix(taken);
  exchange.unsent_bytes_ -= exchange.unsent_bytes_ > 0 ? static_cast<int64_t>(taken) : 0;
  exchange.watch_.Moved(static_cast<int64_t>(taken));
  return taken;
}

curl_socket_t HttpExchange::OnOpenSocket(void* self, curlsocktype, curl_sockaddr*) {
  return static_cast<HttpExchange*>(self)->OpenSocket();
}

curl_socket_t HttpExchange::OpenSocket() {
  ++events_;
  absl::StatusOr<UniqueFd> socket =
      peer_.broker.Connect(peer_.place, peer_.purpose, peer_.origin.host, peer_.origin.port);
  watch_.Restart();
  if (!socket.ok()) {
    error_ = std::move(socket).status();
    return CURL_SOCKET_BAD;
  }
  return socket->release();
}

size_t HttpExchange::TakeHeaderLine(absl::string_view line) {
  ++events_;
  head_bytes_ += line.size();
  const bool status_line = !head_complete_ && absl::StartsWith(line, "HTTP/");
  responses_ += status_line ? 1 : 0;
  if (head_bytes_ > kMaxHeadBytes || responses_ > kMaxResponses) {
    error_ = TooLongHeads();
    return 0;
  }
  if (head_complete_) {
    return line.size();  // a trailer
  }
  const absl::string_view text = absl::StripAsciiWhitespace(line);
  if (status_line) {
    response_ = HttpResponse();
    long status = 0;  // NOLINT(google-runtime-int): libcurl's type
    curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
    response_.status = static_cast<int>(status);
    pieces_on_demand_ = absl::StartsWith(line, "HTTP/1.");
  } else if (text.empty()) {
    head_complete_ = response_.status >= 200;
    watch_.Restart();
  } else if (const size_t colon = text.find(':'); colon != absl::string_view::npos) {
    response_.headers.emplace_back(text.substr(0, colon),
                                   absl::StripAsciiWhitespace(text.substr(colon + 1)));
  }
  return line.size();
}

size_t HttpExchange::TakeBody(absl::string_view data) {
  ++events_;
  if (beyond_.size() - beyond_taken_ + data.size() > 2 * kMaxBufferedBytes) {
    receiving_paused_ = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  watch_.Moved(static_cast<int64_t>(data.size()));
  const bool goes_on = data.data() == run_.data() + run_.size();
  run_ = goes_on ? absl::string_view(run_.data(), run_.size() + data.size()) : data;
  if (Lend(data)) {
    return data.size();
  }
  const size_t direct = std::min(data.size(), wanted_.size());
  if (direct > 0) {
    std::memcpy(wanted_.data(), data.data(), direct);
    wanted_.remove_prefix(direct);
    may_lend_ = false;
  }
  beyond_.append(data.data() + direct, data.size() - direct);
  // libcurl goes on as long as the socket has something. What the caller's buffer has no room for
  // would be copied twice more, so what comes next waits for the next buffer. A pause of HTTP/2 is
  // a frame to the peer and costs more than it saves.
  largest_run_ = std::max(largest_run_, run_.size());
  if (pieces_on_demand_ && wanted_.size() < largest_run_) {
    PauseReceiving();
  }
  return data.size();
}

bool HttpExchange::Lend(absl::string_view data) {
  if (!may_lend_) {
    return false;
  }
  if (lent_.empty()) {
    lent_ = run_ = data;
    wanted_ = {};
    PauseReceiving();
    return true;
  }
  if (run_.data() != lent_.data()) {
    return false;
  }
  lent_ = run_;
  largest_run_ = std::max(largest_run_, run_.size());
  return true;
}

void HttpExchange::PauseReceiving() {
  if (!receiving_paused_) {
    receiving_paused_ = true;
    curl_easy_pause(easy_, CURLPAUSE_RECV | (sending_paused_ ? CURLPAUSE_SEND : 0));
  }
}

absl::Status HttpExchange::Write(absl::string_view data) {
  to_send_ = data;
  wants_body_ = false;
  Resume();
  // libcurl asks for more when what it was given before has been sent, but not after the last.
  while (!to_send_.empty() || (!wants_body_ && unsent_bytes_ != 0)) {
    RETURN_IF_ERROR(Step());
    if ((done_ || head_complete_) && (!to_send_.empty() || unsent_bytes_ != 0)) {
      to_send_ = {};
      return absl::AbortedError("the peer answered before the end of the body");
    }
  }
  return absl::OkStatus();
}

void HttpExchange::EndBody() {
  body_ended_ = true;
  watch_.Restart();
  Resume();
}

void HttpExchange::Resume() {
  if (done_ || !(receiving_paused_ || sending_paused_)) {
    return;
  }
  receiving_paused_ = false;
  sending_paused_ = false;
  curl_easy_pause(easy_, CURLPAUSE_CONT);
}

absl::StatusOr<const HttpResponse*> HttpExchange::AwaitResponse() {
  while (!head_complete_) {
    const absl::Status status = Step();
    if (head_complete_) {
      break;  // an error of the body is for Read
    }
    RETURN_IF_ERROR(status);
    if (done_) {
      return Fail(HttpFailure::kReset, Unavailable("the connection ended within the head"));
    }
  }
  curl_off_t length = -1;
  curl_easy_getinfo(easy_, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
  response_.content_length = length;
  return &response_;
}

absl::Status HttpExchange::Prefetch() {
  absl::Status status = done_ ? error_ : absl::OkStatus();
  while (status.ok() && !done_ && beyond_.size() < kMaxBufferedBytes) {
    Resume();
    status = Step();
  }
  return status;
}

absl::StatusOr<size_t> HttpExchange::Read(absl::Span<char> buffer) {
  ASSIGN_OR_RETURN(const absl::string_view piece, Receive(buffer, /*may_lend=*/false));
  return piece.size();
}

absl::StatusOr<absl::string_view> HttpExchange::ReadPiece(absl::Span<char> buffer) {
  return Receive(buffer, /*may_lend=*/true);
}

absl::StatusOr<absl::string_view> HttpExchange::Receive(absl::Span<char> buffer, bool may_lend) {
  if (buffer.empty()) {
    return absl::string_view();
  }
  if (beyond_taken_ < beyond_.size()) {
    const size_t count = std::min(buffer.size(), beyond_.size() - beyond_taken_);
    std::memcpy(buffer.data(), beyond_.data() + beyond_taken_, count);
    beyond_taken_ += count;
    return absl::string_view(buffer.data(), count);
  }
  beyond_.clear();
  beyond_taken_ = 0;
  lent_ = {};
  wanted_ = buffer;
  // What libcurl kept during the pause, it gives now and frees.
  Resume();
  may_lend_ = may_lend && pieces_on_demand_ && wanted_.size() == buffer.size() &&
              buffer.size() >= kReceiveBufferBytes && run_.size() >= kLeastLentBytes;
  absl::Status status = done_ ? error_ : absl::OkStatus();
  while (status.ok() && wanted_.size() == buffer.size() && !done_) {
    status = Step();
  }
  may_lend_ = false;
  const size_t count = buffer.size() - wanted_.size();
  wanted_ = {};
  if (!lent_.empty()) {
    return lent_;
  }
  // Bytes that came before an error are given first.
  if (count == 0) {
    RETURN_IF_ERROR(status);
  }
  return absl::string_view(buffer.data(), count);
}

absl::StatusOr<std::string> HttpExchange::ReadAll(size_t max_bytes) {
  std::string body;
  std::array<char, 16 << 10> piece;
  while (true) {
    ASSIGN_OR_RETURN(const size_t count, Read(absl::MakeSpan(piece)));
    if (count == 0) {
      return body;
    }
    if (body.size() + count > max_bytes) {
      return LimitExceeded(absl::StrCat("the response has more than ", max_bytes, " bytes"));
    }
    body.append(piece.data(), count);
  }
}

absl::Status HttpExchange::Step() {
  if (done_) {
    return error_;
  }
  const uint64_t events_before = events_;
  int running = 0;
  if (const CURLMcode code = curl_multi_perform(multi_, &running); code != CURLM_OK) {
    return Fail(HttpFailure::kMalformed, Unavailable(curl_multi_strerror(code)));
  }
  CollectResult();
  if (done_) {
    return error_;
  }
  if (events_ != events_before) {
    return absl::OkStatus();
  }
  if (const auto complaint = watch_.Complaint(); complaint.has_value()) {
    return Fail(HttpFailure::kStall, Unavailable(*complaint));
  }
  // What is being written is ended as it should.
  if (peer_.place == broker::PLACE_SOURCE && peer_.broker.Cancelled()) {
    return Fail(HttpFailure::kDenied, absl::CancelledError("nobody waits for the answer any more"));
  }
  const absl::Duration wait = std::min(watch_.Remaining() + absl::Milliseconds(1), kLongestWait);
  const absl::Time begin = absl::Now();
  curl_multi_poll(multi_, nullptr, 0, static_cast<int>(absl::ToInt64Milliseconds(wait)), nullptr);
  watch_.Waited(absl::Now() - begin);
  return absl::OkStatus();
}

void HttpExchange::CollectResult() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg == CURLMSG_DONE && message->easy_handle == easy_) {
      done_ = true;
      error_ = ErrorOf(message->data.result);
    }
  }
}

absl::Status HttpExchange::ErrorOf(CURLcode code) {
  if (code == CURLE_OK) {
    return absl::OkStatus();
  }
  if (!error_.ok()) {
    const bool limit = ErrorReason(error_) == "LIMIT_EXCEEDED";
    const bool denied = error_.code() != absl::StatusCode::kUnavailable;
    failure_ = limit ? HttpFailure::kLimit : denied ? HttpFailure::kDenied : HttpFailure::kConnect;
    return error_;
  }
  const absl::string_view detail(error_text_.data());
  if (absl::Status limit = LimitOf(code, detail, head_complete_); !limit.ok()) {
    failure_ = HttpFailure::kLimit;
    return limit;
  }
  failure_ = FailureOf(code, detail);
  return Unavailable(
      Printable(detail.empty() ? curl_easy_strerror(code) : detail, kMaxQuotedBytes));
}

absl::Status HttpExchange::Fail(HttpFailure failure, absl::Status error) {
  done_ = true;
  failure_ = failure;
  error_ = std::move(error);
  return error_;
}

}  // namespace holkas
