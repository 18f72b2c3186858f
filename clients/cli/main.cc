// The command line `holkas`: Skopeo's commands and flags, done by a holkas server.

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "clients/cli/command.h"
#include "clients/cli/connection.h"
#include "clients/cli/console.h"
#include "clients/cli/run.h"
#include "clients/cli/server_flags.h"
#include "proto/credentials/auth_file_search.h"
#include "proto/registries/registries_conf.h"
#include "proto/registries/registry_table.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

std::string WorkingDirectory() {
  std::array<char, PATH_MAX> path;
  return getcwd(path.data(), path.size()) == nullptr ? "/" : path.data();
}

// Waits for the processes that a private server left to us when it ended. They are ending too; a
// process 1 that does not wait for its children, as containers have, would keep their remains.
void ReapOrphans() {
  constexpr absl::Duration kPatience = absl::Seconds(1);
  constexpr absl::Duration kPause = absl::Milliseconds(1);
  absl::Time deadline = absl::Now() + kPatience;
  pid_t ended;
  while ((ended = waitpid(-1, nullptr, WNOHANG)) >= 0 && absl::Now() < deadline) {
    if (ended == 0) {
      absl::SleepFor(kPause);
    }
  }
}

absl::StatusOr<std::vector<std::string>> CredentialHelpers(const std::string& path) {
  ASSIGN_OR_RETURN(const RegistryTable table, LoadRegistriesConf(FindRegistriesConf(
                                                  path, ProcessRegistriesConfEnvironment())));
  return table.credential_helpers();
}

// Ends the process within: what is left of gRPC ends with it.
[[noreturn]] void Main(const std::vector<std::string>& arguments) {
  // A reader of standard output that went away must not leave a server behind.
  signal(SIGPIPE, SIG_IGN);
  Console console(STDOUT_FILENO, STDERR_FILENO);
  const char* server = getenv("HOLKAS_SERVER");
  const char* path = getenv("PATH");
  CommandContext context = {
      .console = console,
      .working_directory = WorkingDirectory(),
      .server_variable = server == nullptr ? "" : server,
      .server_variables = ServerVariables(),
      .connect =
          [&console](const std::string& address, const ServerAccess& access,
                     const std::vector<std::string>& arguments) {
            return address.empty() ? Connection::Private(console.debug(), arguments)
                                   : Connection::To(address, access);
          },
      .auth_environment = ProcessAuthEnvironment(),
      .helper_path = path == nullptr ? "" : path,
      .credential_helpers = &CredentialHelpers,
  };
  // Orphans of a private server come to us.
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  int exit_code = RunCommandLine(arguments, context);
  ReapOrphans();
  fflush(nullptr);
  _exit(exit_code);
}

}  // namespace
}  // namespace holkas

int main(int argc, char** argv) {
  holkas::Main(std::vector<std::string>(argv + std::min(argc, 1), argv + argc));
}
