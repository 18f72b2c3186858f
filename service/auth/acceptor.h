#ifndef HOLKAS_SERVICE_AUTH_ACCEPTOR_H_
#define HOLKAS_SERVICE_AUTH_ACCEPTOR_H_

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "proto/wire/unique_fd.h"
#include "service/auth/connection_table.h"
#include "service/auth/listener.h"
#include "service/telemetry/logger.h"

namespace holkas {

// Accepts connections in place of gRPC, on one thread: asks the kernel who calls, keeps the limits,
// closes what never speaks, survives running out of file descriptors, and hands the others to gRPC.
// Who is refused for a limit is told so by gRPC, and closed soon; where too many are told already,
// at once. Keeps a duplicate of each socket to see its end.
class Acceptor {
 public:
  struct Options {
    // User ids that may connect, beside the server's own and root.
    absl::flat_hash_set<uid_t> allowed_users;
    // How long a connection may send nothing at its start.
    absl::Duration first_byte_timeout = absl::Seconds(10);
    // Hands a connected, non-blocking socket to gRPC, which closes it.
    std::function<void(int fd, Peer::Kind kind)> serve;
    // The same for one that is refused, to tell it why. Null: nobody is told.
    std::function<void(int fd, Peer::Kind kind)> refuse;
    // How long a connection that is refused may stay.
    absl::Duration refused_time = absl::Seconds(5);
    // The connection of AddPrivate has ended. Called on the acceptor's thread.
    std::function<void()> on_private_end;
  };

  // `table` and `logger` must outlive the acceptor.
  Acceptor(ConnectionTable& table, Logger& logger, Options options);
  // As Stop.
  ~Acceptor();

  // Starts the thread. Once. Errors: by errno.
  absl::Status Start(std::vector<Listener> listeners);

  // Serves a connected socket that was inherited. After Start, once.
  // Errors: INVALID_ARGUMENT where `socket` is none.
  absl::Status AddPrivate(UniqueFd socket);

  // Closes the listeners: their names vanish, and nobody can connect any more. Connections that are
  // open stay. Idempotent.
  void StopListening();

  // StopListening, and ends the thread. Idempotent.
  void Stop();

 private:
  struct Connection {
    UniqueFd watch;   // a duplicate, to see the end
    UniqueFd socket;  // until gRPC has it
    absl::Time since;
    Peer::Kind kind = Peer::Kind::kUnix;
    bool is_refused = false;
  };
  // What an epoll event is about: a listener's index, a connection's number, or a wake-up.
  static constexpr uint64_t kListenerBase = uint64_t{1} << 62;
  static constexpr uint64_t kWake = uint64_t{1} << 63;

  void Run();
  void HandleWake();
  void Accept(const Listener& listener);
  bool AcceptOne(const Listener& listener);
  absl::Status Admit(UniqueFd socket, Peer::Kind kind);
  absl::Status Keep(UniqueFd socket, Peer::Kind kind, uint64_t id, bool is_refused);
  absl::Status Watch(uint64_t id, Connection connection, uint32_t events);
  void HandleConnection(uint64_t id, uint32_t events);
  void HandOver(uint64_t id, Connection& connection);
  void Close(uint64_t id);
  void CutOff(uint64_t id);
  void CloseSilent();
  void CloseRefused();
  void CloseExcess();
  void WatchListeners(bool on);
  int WaitTime() const;

  ConnectionTable& table_;
  Logger& logger_;
  const Options options_;
  UniqueFd epoll_;
  UniqueFd wake_;
  std::thread thread_;

  absl::Mutex mutex_;
  bool stop_listening_ ABSL_GUARDED_BY(mutex_) = false;
  bool listening_ended_ ABSL_GUARDED_BY(mutex_) = false;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  UniqueFd new_private_ ABSL_GUARDED_BY(mutex_);

  // The thread's own.
  std::vector<Listener> listeners_;
  std::map<uint64_t, Connection> connections_;
  std::set<uint64_t> refused_;                  // those among them; a few
  size_t silent_ = 0;                           // connections that gRPC does not have yet
  absl::Time resume_ = absl::InfiniteFuture();  // when accepting goes on after EMFILE
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_AUTH_ACCEPTOR_H_
