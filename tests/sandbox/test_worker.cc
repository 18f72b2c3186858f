// The worker of the sandbox tests: holkas-worker with hostile jobs, and with a way to make a step
// of the set-up fail (`--zygote TIER [--fail STEP]`). Built from the same zygote, confinement and
// job dispatch as the program that users run, which has neither.

#include <string.h>

#include <map>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "proto/wire/status_macros.h"
#include "tests/sandbox/attacks.h"
#include "worker/zygote/zygote.h"

namespace holkas {
namespace {

// The step that fails; a test's zygote has one thread and one test.
const char* failing_step = nullptr;

bool Fails(ConfineStep step) { return strcmp(ConfineStepName(step), failing_step) == 0; }

int Number(const std::map<std::string, std::string>& fields, const char* key) {
  int number = 0;
  const auto found = fields.find(key);
  return found != fields.end() && absl::SimpleAtoi(found->second, &number) ? number : 0;
}

// `name;port=1;pid=2;number=3`. The driver's next frame brings the descriptors.
absl::Status RunAttack(absl::string_view spec, FrameChannel& channel, ThreadPool& pool) {
  const std::vector<std::string> parts = absl::StrSplit(spec, ';');
  std::map<std::string, std::string> fields;
  for (size_t i = 1; i < parts.size(); ++i) {
    fields.insert(absl::StrSplit(parts[i], absl::MaxSplits('=', 1)));
  }
  broker::ServiceFrame frame;
  ASSIGN_OR_RETURN(std::vector<UniqueFd> fds, channel.Receive(frame));
  if (fds.size() != 4) {
    return absl::InvalidArgumentError("no descriptors");
  }
  AttackContext context = {channel, pool};
  context.file_to_read = fds[0].get();
  context.file_to_write = fds[1].get();
  context.tcp_socket = fds[2].get();
  context.host_directory = fds[3].get();
  context.forbidden_port = Number(fields, "port");
  context.driver_pid = Number(fields, "pid");
  context.number = Number(fields, "number");
  for (const Attack& attack : AllAttacks()) {
    if (parts[0] == attack.name) {
      return absl::UnknownError(attack.run(context));
    }
  }
  return absl::InvalidArgumentError("no such attack");
}

}  // namespace
}  // namespace holkas

int main(int argc, char** argv) {
  holkas::ZygoteOptions options;
  options.jobs = {.attack = &holkas::RunAttack};
  if (argc >= 3) {
    options.tier = holkas::ParseTier(argv[2]);
  }
  if (argc >= 5) {
    holkas::failing_step = argv[4];
    options.fail = &holkas::Fails;
  }
  return holkas::RunZygote(options);
}
