#ifndef HOLKAS_SERVICE_BROKER_TLS_RELAYS_H_
#define HOLKAS_SERVICE_BROKER_TLS_RELAYS_H_

#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "proto/wire/unique_fd.h"
#include "service/broker/tls_stream.h"

namespace holkas {

// Gives a job's worker plain sockets whose bytes holkasd carries to and from TLS connections of its
// own: tunnels through https:// proxies. One thread for all of a job, from the first on; each relay
// holds 16 KiB in each direction, and reads no more before they are gone. The end of one side's
// sending is passed on to the other, which may go on sending. Thread-safe.
class TlsRelays {
 public:
  // At once. An honest worker has fewer: each of its 17 threads keeps some connections for later.
  static constexpr int kMaxRelays = 256;

  // `context` is for those who make the connections, and outlives this.
  explicit TlsRelays(TlsContext& context);
  TlsRelays(const TlsRelays&) = delete;
  ~TlsRelays();

  TlsContext& context() { return context_; }

  // The socket through which `stream` (after its handshake) is used from now on: a blocking one,
  // close-on-exec, of the family AF_UNIX. The relay ends when both sides have, or one fails.
  // Errors: RESOURCE_EXHAUSTED (LIMIT_EXCEEDED, or without a reason where descriptors are short);
  // CANCELLED after Stop.
  absl::StatusOr<UniqueFd> Add(std::unique_ptr<TlsStream> stream) ABSL_LOCKS_EXCLUDED(mutex_);

  // Ends all relays and closes their sockets. Waits for the thread, which waits for nothing.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);

  // How many there are.
  int size() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  class Relay;

  void ThreadMain();
  // Takes what was added; false where all is to end.
  bool TakeAdded(std::vector<std::unique_ptr<Relay>>& relays) ABSL_LOCKS_EXCLUDED(mutex_);

  TlsContext& context_;
  mutable absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  int size_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::unique_ptr<Relay>> added_ ABSL_GUARDED_BY(mutex_);
  // Made with the first relay.
  UniqueFd wake_;
  std::thread thread_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_BROKER_TLS_RELAYS_H_
