// The command line `holkas`: Skopeo's commands and flags, done by a holkas server.

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstdlib>
#include <string>
#include <vector>

#include "clients/cli/command.h"
#include "clients/cli/connection.h"
#include "clients/cli/console.h"
#include "clients/cli/run.h"

namespace holkas {
namespace {

std::string WorkingDirectory() {
  std::array<char, PATH_MAX> path;
  return getcwd(path.data(), path.size()) == nullptr ? "/" : path.data();
}

int Main(const std::vector<std::string>& arguments) {
  // A reader of standard output that went away must not leave a server behind.
  signal(SIGPIPE, SIG_IGN);
  Console console(STDOUT_FILENO, STDERR_FILENO);
  const char* server = getenv("HOLKAS_SERVER");
  CommandContext context = {
      .console = console,
      .working_directory = WorkingDirectory(),
      .server_variable = server == nullptr ? "" : server,
      .connect =
          [&console](const std::string& address) {
            return address.empty() ? Connection::Private(console.debug()) : Connection::To(address);
          },
  };
  return RunCommandLine(arguments, context);
}

}  // namespace
}  // namespace holkas

int main(int argc, char** argv) {
  return holkas::Main(std::vector<std::string>(argv + std::min(argc, 1), argv + argc));
}
