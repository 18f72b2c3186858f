#ifndef HOLKAS_CLIENTS_CLI_COMMAND_H_
#define HOLKAS_CLIENTS_CLI_COMMAND_H_

#include <unistd.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "clients/cli/connection.h"
#include "clients/cli/console.h"
#include "clients/cli/flag_set.h"
#include "holkas/v1/image.pb.h"
#include "proto/credentials/auth_file_search.h"

namespace holkas {

// One command of the command line: a row of the table in run.cc, and a pair of files of its name.

// What a command works with, beside its flags and arguments.
struct CommandContext {
  Console& console;
  std::string working_directory;
  // The value of HOLKAS_SERVER.
  std::string server_variable;
  // As ServerVariables.
  std::map<std::string, std::string> server_variables = {};
  // What `holkas --tls-verify` said before the command; deprecated.
  holkas::v1::TlsVerification deprecated_tls = holkas::v1::TLS_VERIFICATION_UNSPECIFIED;
  // Makes the connection to the server at the address, or to a private one with these arguments
  // where it is empty.
  std::function<absl::StatusOr<std::unique_ptr<Connection>>(
      const std::string& address, const ServerAccess& access,
      const std::vector<std::string>& arguments)>
      connect;
  // Where answers to prompts are read.
  int input_fd = STDIN_FILENO;
  // Where credentials are looked up and kept.
  AuthEnvironment auth_environment = {};
  // Where credential helpers are: PATH.
  std::string helper_path = {};
  // `credential-helpers` of the user's registries.conf, which is the file at `path` where that is
  // not empty.
  std::function<absl::StatusOr<std::vector<std::string>>(const std::string& path)>
      credential_helpers = {};
  // What `connect` made. They are kept when their calls are over and their servers have ended: gRPC
  // takes milliseconds to end its threads, which a program that is about to end need not wait for.
  std::vector<std::unique_ptr<Connection>> connections = {};
};

struct Command {
  std::string name;
  // One line for the list of commands.
  std::string summary;
  // The help above the flags: what it does, `Usage:` and examples.
  std::string help;
  // The command's own flags; the global ones come in addition.
  std::vector<Flag> flags;
  // Errors: those of the command. ShowUsage() asks for the help instead of a message.
  absl::Status (*run)(const FlagSet& flags, const std::vector<std::string>& arguments,
                      CommandContext& context);
};

// The error for a wrong number of arguments, where Skopeo shows the command's help.
absl::Status ShowUsage();
bool IsShowUsage(const absl::Status& status);

// The error of a command that a signal ended.
absl::Status Interrupted(int signal_number);

// What the program exits with: Skopeo's codes, and 128 + N after signal N.
int ExitCodeOf(const absl::Status& status);

// When the global flag --command-timeout, counted from now, ends the command.
absl::Time DeadlineOf(const FlagSet& flags);

// The platform of the global --override flags.
holkas::v1::Platform PlatformOf(const FlagSet& flags);

// Flags and request field for trying again.
std::vector<Flag> RetryFlags();
holkas::v1::RetryPolicy RetryPolicyOf(const FlagSet& flags);

// The address of the server that flags or environment name; empty: a private one does the work.
std::string ServerAddress(const FlagSet& flags, const CommandContext& context);

// Whether paths are those of a server: it is named, and --server-paths is given.
bool PathsAreServers(const FlagSet& flags, const CommandContext& context);

// Whether `image` is files of the caller's own, which a private server is to read or write: its
// name has a path, the flags or the environment name a server, and --server-paths is not given.
bool IsCallersOwn(const FlagSet& flags, const CommandContext& context, const std::string& image);

// A server that a command talks to.
enum class ServerKind {
  kUsual,    // that flags or the environment name; a private one where they name none
  kPrivate,  // a private one whatever they name
};

// Calls `call` with a connection to each of `servers`, private ones first, and ends private
// servers. A signal that comes meanwhile cancels their calls. Errors: those of the connections, and
// of `call` as they are.
absl::Status WithConnections(
    const FlagSet& flags, CommandContext& context, const std::vector<ServerKind>& servers,
    const std::function<absl::Status(const std::vector<Connection*>& connections)>& call);

// The same with the client of one connection, and the errors of `call` explained.
absl::Status WithClient(const FlagSet& flags, CommandContext& context,
                        const std::function<absl::Status(ImageClient& client)>& call,
                        ServerKind server = ServerKind::kUsual);

// The same with the server for a command about `image`.
absl::Status WithClientFor(const std::string& image, const FlagSet& flags, CommandContext& context,
                           const std::function<absl::Status(ImageClient& client)>& call);

}  // namespace holkas

#endif  // HOLKAS_CLIENTS_CLI_COMMAND_H_
