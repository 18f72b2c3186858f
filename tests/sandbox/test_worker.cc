// The worker of the sandbox tests: holkas-worker with hostile jobs, and with a way to make a step
// of the set-up fail (`--zygote TIER [--storage USER] [--fail STEP | --fail-store STEP]`, the
// latter of workers with a store alone). Built from the same zygote, confinement and job dispatch
// as the program that users run, which has neither.

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
  if (fds.size() != 4 && fds.size() != 5) {
    return absl::InvalidArgumentError("no descriptors");
  }
  AttackContext context = {channel, pool};
  context.file_to_read = fds[0].get();
  context.file_to_write = fds[1].get();
  context.tcp_socket = fds[2].get();
  context.host_directory = fds[3].get();
  if (fds.size() == 5) {
    context.graph_root = fds[3].get();
    context.run_root = fds[4].get();
  }
  context.forbidden_port = Number(fields, "port");
  context.driver_pid = Number(fields, "pid");
  context.number = Number(fields, "number");
  for (const std::vector<Attack>& attacks :
       {AllAttacks(), std::vector<Attack>(StoreAttacks().begin(), StoreAttacks().end()),
        std::vector<Attack>(StoreReaderAttacks().begin(), StoreReaderAttacks().end())}) {
    for (const Attack& attack : attacks) {
      if (parts[0] == attack.name) {
        return absl::UnknownError(attack.run(context));
      }
    }
  }
  return absl::InvalidArgumentError("no such attack");
}

}  // namespace
}  // namespace holkas

int main(int argc, char** argv) {
  holkas::ZygoteOptions options = holkas::ParseZygoteArguments(argc, argv);
  options.jobs = {.attack = &holkas::RunAttack};
  if (argc >= 3) {
    const char* flag = argv[argc - 2];
    const bool fails =
        strcmp(flag, "--fail") == 0 || (strcmp(flag, "--fail-store") == 0 && options.storage);
    if (fails) {
      holkas::failing_step = argv[argc - 1];
      options.fail = &holkas::Fails;
    }
  }
  return holkas::RunZygote(options);
}
