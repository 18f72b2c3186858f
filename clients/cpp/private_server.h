#ifndef HOLKAS_CLIENTS_CPP_PRIVATE_SERVER_H_
#define HOLKAS_CLIENTS_CPP_PRIVATE_SERVER_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/wire/unique_fd.h"

namespace holkas {

struct PrivateServerOptions {
  // The path of holkasd.
  std::string program;
  // Whether the server's log goes to this process's standard error. Otherwise it is kept, and told
  // only if the server fails.
  bool show_log = false;
  // Further arguments of the program.
  std::vector<std::string> arguments;
};

// A holkasd of one process's own: `holkasd --connection-fd=3`, which serves the other end of a
// socket pair, ends when that closes, and is killed with its parent. It has its own process group,
// so that a Ctrl-C at the terminal reaches the parent alone and the parent decides. Its environment
// holds nothing but what holkasd and credential helpers read. Start it before the process has
// threads, and from a thread that lives as long as the server.
class PrivateServer {
 public:
  // Errors: NOT_FOUND and others where the program cannot be run; those of the system calls.
  static absl::StatusOr<std::unique_ptr<PrivateServer>> Start(const PrivateServerOptions& options);

  // Stops.
  ~PrivateServer();
  PrivateServer(const PrivateServer&) = delete;
  PrivateServer& operator=(const PrivateServer&) = delete;

  // The client's end of the connection. Once.
  UniqueFd TakeConnection() { return std::move(connection_); }

  // Kills the server without waiting for its end. From any thread, as long as this object lives.
  void Kill();

  // Hangs up and waits for the server's end; one that does not end by itself is terminated, then
  // killed. Returns how it ended, with the last line of its log; empty where it ended well.
  std::string Stop();

 private:
  PrivateServer(pid_t pid, UniqueFd process, UniqueFd connection, UniqueFd hang_up, UniqueFd log);

  // Waits at most `timeout_ms` for the server's end. Whether it came.
  bool EndsWithin(int timeout_ms);
  std::string LastLogLine() const;

  const pid_t pid_;
  const UniqueFd process_;
  UniqueFd connection_;
  // A second descriptor of the connection, to shut it down whoever holds the first.
  UniqueFd hang_up_;
  const UniqueFd log_;
  bool running_ = true;
  std::string ending_;
};

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CPP_PRIVATE_SERVER_H_
