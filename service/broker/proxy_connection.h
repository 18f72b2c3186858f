#ifndef HOLKAS_SERVICE_BROKER_PROXY_CONNECTION_H_
#define HOLKAS_SERVICE_BROKER_PROXY_CONNECTION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "proto/wire/unique_fd.h"
#include "service/broker/cancellation.h"
#include "service/broker/tls_stream.h"

namespace holkas {

// The conversation with one proxy until its tunnel stands, over TCP or over TLS: what the
// handshakes (socks5_handshake.h, connect_through_proxy.h) are made of. It reads what it was asked
// for and not a byte more. For one thread.
//
// Errors of all calls: UNAVAILABLE (REGISTRY_UNAVAILABLE) where the proxy fails or the time is
// over, with the proxy's name and none of its words; CANCELLED.
class ProxyConnection {
 public:
  // `name`: of the proxy, `host:port`. `cancellation` outlives the connection.
  ProxyConnection(std::string name, UniqueFd socket, absl::Time deadline,
                  const Cancellation& cancellation);

  // Makes the connection one over TLS with `host`. First, where at all.
  absl::Status StartTls(TlsContext& context, const std::string& host);

  absl::Status Send(absl::string_view bytes);
  absl::StatusOr<std::string> Read(size_t size);
  // Up to the first `end`, which is part of the result. An error, too, where that would be more
  // than `max_bytes`.
  absl::StatusOr<std::string> ReadThrough(absl::string_view end, size_t max_bytes);

  // The error that says this of the proxy.
  absl::Status Failed(absl::string_view why) const;

  // The connection for what comes next: the one over TLS where TLS was started, else the socket.
  UniqueFd TakeSocket() { return std::move(socket_); }
  std::unique_ptr<TlsStream> TakeTls() { return std::move(tls_); }

 private:
  enum class Leave { kNothing, kAll };

  int fd() const { return tls_ == nullptr ? socket_.get() : tls_->fd(); }
  // Waits until the socket is ready for `events`.
  absl::Status Await(int16_t events) const;
  // One step, which is kMoved or kBlocked.
  absl::StatusOr<TlsStream::Step> TrySend(absl::string_view bytes);
  absl::StatusOr<TlsStream::Step> TryReceive(char* buffer, size_t size, Leave leave);
  // At least one byte.
  absl::StatusOr<size_t> Receive(char* buffer, size_t size, Leave leave);

  const std::string name_;
  const absl::Time deadline_;
  const Cancellation& cancellation_;
  // One of them.
  UniqueFd socket_;
  std::unique_ptr<TlsStream> tls_;
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_BROKER_PROXY_CONNECTION_H_
