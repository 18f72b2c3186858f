#ifndef HOLKAS_SERVICE_BROKER_TLS_STREAM_H_
#define HOLKAS_SERVICE_BROKER_TLS_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "proto/wire/unique_fd.h"

// OpenSSL's, whose headers are for tls_stream.cc alone.
struct ssl_ctx_st;
struct ssl_st;

namespace holkas {

// Whom TLS connections of holkasd itself trust: the system's authorities, or those of SSL_CERT_FILE
// and SSL_CERT_DIR, as OpenSSL has it. Read once, at the first connection. Thread-safe.
class TlsContext {
 public:
  TlsContext() = default;
  TlsContext(const TlsContext&) = delete;
  ~TlsContext();

 private:
  friend class TlsStream;
  // Errors: INTERNAL.
  absl::StatusOr<ssl_ctx_st*> Get();

  absl::Mutex mutex_;
  ssl_ctx_st* context_ ABSL_GUARDED_BY(mutex_) = nullptr;
};

// The client's end of a TLS connection (1.2 or later) that carries HTTP/1.1, for what holkasd says
// itself: connections to proxies. It never blocks: whoever calls waits for the socket. The peer is
// taken for hostile: it has kilobytes for what is not data (handshake, tickets, changes of keys)
// before the stream fails. For one thread at a time.
class TlsStream {
 public:
  // How a step ended.
  struct Step {
    enum class Kind {
      kMoved,    // as many bytes as `size` says; the handshake, or the end, is through
      kBlocked,  // the socket is not ready for `events` of poll
      kEnded,    // the peer said that it sends no more
      kFailed,   // `error` says why; the connection is of no use
    };
    Kind kind;
    size_t size = 0;
    int16_t events = 0;
  };

  // Over a connected socket. The peer will have to prove that it is `host`, a name, or an address
  // without brackets. Errors: INTERNAL.
  static absl::StatusOr<std::unique_ptr<TlsStream>> New(TlsContext& context, UniqueFd socket,
                                                        const std::string& host);
  TlsStream(const TlsStream&) = delete;
  // Closes the socket, without a word to the peer.
  ~TlsStream();

  // To be repeated until it does not block, before anything else.
  Step Handshake();
  // Up to `size` bytes; Peek leaves them there.
  Step Read(char* buffer, size_t size);
  Step Peek(char* buffer, size_t size);
  // Some of `bytes`, which are not empty. One that blocked is repeated with the same ones.
  Step Write(absl::string_view bytes);
  // Says that nothing more comes. The other direction stays open.
  Step SendEnd();

  int fd() const { return socket_.get(); }
  // Why a step failed, in words of this program: nothing of it comes from the peer.
  const std::string& error() const { return error_; }

 private:
  // The socket as OpenSSL uses it.
  struct Transport;

  explicit TlsStream(UniqueFd socket);
  // What OpenSSL's `result` means.
  Step StepOf(int result, size_t size);
  std::string WhyFailed(int ssl_error) const;

  UniqueFd socket_;
  const std::unique_ptr<Transport> transport_;
  ssl_st* ssl_ = nullptr;
  std::string error_;
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_BROKER_TLS_STREAM_H_
