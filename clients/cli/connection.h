#ifndef HOLKAS_CLIENTS_CLI_CONNECTION_H_
#define HOLKAS_CLIENTS_CLI_CONNECTION_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "clients/cpp/channel.h"
#include "clients/cpp/image_client.h"
#include "clients/cpp/private_server.h"

namespace holkas {

// The server that a command talks to: one that somebody runs, or a private one that lives as long
// as this object.
class Connection {
 public:
  // To the server at `address` (clients/cpp/channel.h).
  // Errors: those of OpenChannel. Nothing is connected yet.
  static absl::StatusOr<std::unique_ptr<Connection>> To(const std::string& address,
                                                        const ServerAccess& access);

  // To a private server: the holkasd beside the running program, with these arguments, too.
  // Errors: those of PrivateServer::Start.
  static absl::StatusOr<std::unique_ptr<Connection>> Private(
      bool show_log, const std::vector<std::string>& arguments);

  // Over `connection`, a connected socket, for tests.
  static absl::StatusOr<std::unique_ptr<Connection>> Over(UniqueFd connection);

  ImageClient& client() { return *client_; }

  // The status of a call in words for the user: one that says no more than that the server is
  // unreachable or lost gets the address, or how the private server ended. Ends a private server
  // in that case.
  absl::Status Explain(const absl::Status& status);

  // Ends a private server and waits for its end. The client stays, and its calls fail.
  void Close();

  // Kills a private server and waits for nothing. From any thread.
  void Kill();

 private:
  Connection() = default;

  std::string address_;
  std::unique_ptr<PrivateServer> server_;
  std::unique_ptr<ImageClient> client_;
};

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_CONNECTION_H_
