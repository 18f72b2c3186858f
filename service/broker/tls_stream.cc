#include "service/broker/tls_stream.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "service/policy/network.h"

namespace holkas {
namespace {

// What the peer may send before data comes: a handshake with 100 kB of certificates (OpenSSL's own
// bound), or between two pieces of data some tickets.
constexpr size_t kMaxBytesWithoutData = 256 << 10;

// As ALPN has it: with the length before it.
constexpr unsigned char kHttp11[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

absl::Status Unusable(absl::string_view what) {
  ERR_clear_error();
  return absl::InternalError(absl::StrCat("OpenSSL: ", what, " failed"));
}

}  // namespace

struct TlsStream::Transport {
  int fd = -1;
  size_t bytes_without_data = 0;
  bool peer_ended = false;
  int error = 0;  // errno of the last failure

  static Transport& Of(BIO* bio) { return *static_cast<Transport*>(BIO_get_data(bio)); }

  static int Receive(BIO* bio, char* buffer, int size) {
    BIO_clear_retry_flags(bio);
    Transport& self = Of(bio);
    if (self.bytes_without_data >= kMaxBytesWithoutData) {
      return -1;
    }
    const ssize_t received = recv(self.fd, buffer, static_cast<size_t>(size), MSG_DONTWAIT);
    if (received < 0 && (errno == EAGAIN || errno == EINTR)) {
      BIO_set_retry_read(bio);
    } else if (received < 0) {
      self.error = errno;
    }
    self.peer_ended = received == 0;
    self.bytes_without_data += static_cast<size_t>(std::max<ssize_t>(received, 0));
    return static_cast<int>(received);
  }

  static int Send(BIO* bio, const char* bytes, int size) {
    BIO_clear_retry_flags(bio);
    Transport& self = Of(bio);
    const ssize_t sent =
        send(self.fd, bytes, static_cast<size_t>(size), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
      BIO_set_retry_write(bio);
    } else if (sent < 0) {
      self.error = errno;
    }
    return static_cast<int>(sent);
  }

  // NOLINTNEXTLINE(google-runtime-int): OpenSSL's type
  static long Control(BIO* bio, int what, long, void*) {
    switch (what) {
      case BIO_CTRL_FLUSH:
        return 1;
      case BIO_CTRL_EOF:
        return Of(bio).peer_ended ? 1 : 0;
      default:
        return 0;
    }
  }

  // Lives as long as the process; null where there was no memory for it.
  static const BIO_METHOD* Method() {
    static const BIO_METHOD* const method = [] {
      BIO_METHOD* const made =
          BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket of a TlsStream");
      if (made != nullptr) {
        BIO_meth_set_read(made, &Receive);
        BIO_meth_set_write(made, &Send);
        BIO_meth_set_ctrl(made, &Control);
      }
      return made;
    }();
    return method;
  }
};

TlsContext::~TlsContext() { SSL_CTX_free(context_); }

absl::StatusOr<ssl_ctx_st*> TlsContext::Get() {
  absl::MutexLock lock(&mutex_);
  if (context_ != nullptr) {
    return context_;
  }
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                            &SSL_CTX_free);
  if (context == nullptr || SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_default_verify_paths(context.get()) != 1 ||
      SSL_CTX_set_alpn_protos(context.get(), kHttp11, sizeof kHttp11) != 0) {
    return Unusable("to make a context for TLS");
  }
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                      SSL_MODE_RELEASE_BUFFERS);
  // SSL_CERT_FILE may name no file.
  ERR_clear_error();
  context_ = context.release();
  return context_;
}

TlsStream::TlsStream(UniqueFd socket)
    : socket_(std::move(socket)), transport_(std::make_unique<Transport>()) {
  transport_->fd = socket_.get();
}

TlsStream::~TlsStream() { SSL_free(ssl_); }

absl::StatusOr<std::unique_ptr<TlsStream>> TlsStream::New(TlsContext& context, UniqueFd socket,
                                                          const std::string& host) {
  absl::StatusOr<SSL_CTX*> shared = context.Get();
  if (!shared.ok()) {
    return shared.status();
  }
  std::unique_ptr<TlsStream> stream(new TlsStream(std::move(socket)));
  stream->ssl_ = SSL_new(*shared);
  BIO* const bio = Transport::Method() == nullptr ? nullptr : BIO_new(Transport::Method());
  if (stream->ssl_ == nullptr || bio == nullptr) {
    BIO_free(bio);
    return Unusable("to make a connection");
  }
  BIO_set_data(bio, stream->transport_.get());
  BIO_set_init(bio, 1);
  SSL_set_bio(stream->ssl_, bio, bio);
  SSL_set_hostflags(stream->ssl_,
                    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  const bool named =
      IpAddress::Parse(host).has_value()
          ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(stream->ssl_), host.c_str()) == 1
          : SSL_set1_host(stream->ssl_, host.c_str()) == 1 &&
                SSL_set_tlsext_host_name(stream->ssl_, host.c_str()) == 1;
  if (!named) {
    return Unusable("to set the peer's name");
  }
  SSL_set_connect_state(stream->ssl_);
  return stream;
}

std::string TlsStream::WhyFailed(int ssl_error) const {
  if (transport_->bytes_without_data >= kMaxBytesWithoutData) {
    return "tls: too much from the peer that is no data";
  }
  const long verified = SSL_get_verify_result(ssl_);  // NOLINT(google-runtime-int): OpenSSL's type
  if (verified != X509_V_OK) {
    return absl::StrCat("tls: failed to verify certificate: ",
                        X509_verify_cert_error_string(verified));
  }
  if (transport_->error != 0) {
    return std::strerror(transport_->error);
  }
  if (transport_->peer_ended) {
    return "unexpected EOF";
  }
  const char* const reason =
      ssl_error == SSL_ERROR_SSL ? ERR_reason_error_string(ERR_peek_error()) : nullptr;
  return absl::StrCat("tls: ", reason == nullptr ? "failed" : reason);
}

TlsStream::Step TlsStream::StepOf(int result, size_t size) {
  if (result > 0) {
    return {Step::Kind::kMoved, size};
  }
  const int ssl_error = SSL_get_error(ssl_, result);
  switch (ssl_error) {
    case SSL_ERROR_WANT_READ:
      return {Step::Kind::kBlocked, 0, POLLIN};
    case SSL_ERROR_WANT_WRITE:
      return {Step::Kind::kBlocked, 0, POLLOUT};
    case SSL_ERROR_ZERO_RETURN:
      return {Step::Kind::kEnded};
    default:
      error_ = WhyFailed(ssl_error);
      ERR_clear_error();
      return {Step::Kind::kFailed};
  }
}

TlsStream::Step TlsStream::Handshake() {
  ERR_clear_error();
  const Step step = StepOf(SSL_do_handshake(ssl_), 0);
  if (step.kind == Step::Kind::kMoved) {
    transport_->bytes_without_data = 0;
  }
  return step;
}

TlsStream::Step TlsStream::Read(char* buffer, size_t size) {
  ERR_clear_error();
  size_t done = 0;
  const int result = SSL_read_ex(ssl_, buffer, size, &done);
  if (result == 1) {
    transport_->bytes_without_data = 0;
  }
  return StepOf(result, done);
}

TlsStream::Step TlsStream::Peek(char* buffer, size_t size) {
  ERR_clear_error();
  size_t done = 0;
  const int result = SSL_peek_ex(ssl_, buffer, size, &done);
  return StepOf(result, done);
}

TlsStream::Step TlsStream::Write(absl::string_view bytes) {
  ERR_clear_error();
  size_t done = 0;
  const int result = SSL_write_ex(ssl_, bytes.data(), bytes.size(), &done);
  return StepOf(result, done);
}

TlsStream::Step TlsStream::SendEnd() {
  ERR_clear_error();
  const int result = SSL_shutdown(ssl_);
  // 0: said, and the peer has not.
  return result >= 0 ? Step{Step::Kind::kMoved} : StepOf(result, 0);
}

}  // namespace holkas
