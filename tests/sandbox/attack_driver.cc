// attack_driver: a small holkasd that tests run as another user, kill, or start with system calls
// denied to it.
//
//   attack_driver --worker=PATH --tier=full|landlock|seccomp [--required=TIER]
//                 [--fail=STEP | --fail-store=STEP] [--deny=NUMBER:ERRNO]... COMMAND
//
//   start       prints the tier taken, or why there is none
//   attacks     runs every attack; a line each: PASS or FAIL, name, expected, got
//   attacks-with-store
//               the same for workers that may write to a store, and those that only read one
//   start-with-store
//               prints `ready`, or why there is no worker with a store
//   random N    prints what 2 N workers draw, a line each
//   syscalls N  makes the system calls 0 to N - 1 with null arguments, a line each: number, end
//   hold N      launches N workers that wait, prints the process ids, waits to be killed
//   hold-with-store
//               the same with one that may write to a store, and one that only reads one

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "service/sandbox/zygote_launcher.h"
#include "tests/sandbox/attack_host.h"
#include "tests/sandbox/attacks.h"

namespace holkas {
namespace {

struct Arguments {
  ZygoteLauncher::Options launcher;
  std::vector<std::pair<int, int>> denied;
  std::string command;
  int count = 0;
};

v1::SandboxTier Tier(absl::string_view name) {
  return name == "full"       ? v1::SANDBOX_TIER_FULL
         : name == "landlock" ? v1::SANDBOX_TIER_LANDLOCK
                              : v1::SANDBOX_TIER_SECCOMP;
}

Arguments Parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    absl::string_view word = argv[i];
    if (absl::ConsumePrefix(&word, "--worker=")) {
      arguments.launcher.worker_path = std::string(word);
    } else if (absl::ConsumePrefix(&word, "--tier=")) {
      arguments.launcher.best_tier = Tier(word);
    } else if (absl::ConsumePrefix(&word, "--required=")) {
      arguments.launcher.required_tier = Tier(word);
    } else if (absl::ConsumePrefix(&word, "--fail=")) {
      arguments.launcher.extra_args = {"--fail", std::string(word)};
    } else if (absl::ConsumePrefix(&word, "--fail-store=")) {
      arguments.launcher.extra_args = {"--fail-store", std::string(word)};
    } else if (absl::ConsumePrefix(&word, "--deny=")) {
      const std::vector<std::string> parts = absl::StrSplit(word, ':');
      std::pair<int, int> denied;
      if (parts.size() == 2 && absl::SimpleAtoi(parts[0], &denied.first) &&
          absl::SimpleAtoi(parts[1], &denied.second)) {
        arguments.denied.push_back(denied);
      }
    } else if (arguments.command.empty()) {
      arguments.command = std::string(word);
    } else if (!absl::SimpleAtoi(word, &arguments.count)) {
      fprintf(stderr, "attack_driver: %s?\n", argv[i]);
    }
  }
  return arguments;
}

// As a container's profile does: the zygote and its workers inherit it.
void Deny(const std::vector<std::pair<int, int>>& denied) {
  std::vector<sock_filter> program = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
  for (const auto& [number, error] : denied) {
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(number), 0, 1));
    program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)));
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog filter = {static_cast<uint16_t>(program.size()), program.data()};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) != 0) {
    perror("attack_driver: seccomp");
    _exit(1);
  }
}

void Report(const Attack& attack, const char* expected, std::string got,
            const std::string& damage) {
  if (!damage.empty()) {
    got = absl::StrCat(got, " and ", damage);
  }
  printf("%s %s: expected %s, got %s\n", got == expected ? "PASS" : "FAIL", attack.name, expected,
         got.c_str());
}

int RunAttacks(Launcher& launcher, AttackHost& host) {
  for (const Attack& attack : AllAttacks()) {
    if (attack.expected != nullptr) {
      const std::string got = host.Run(launcher, attack.name);
      Report(attack, attack.expected, got, host.Damage());
    }
  }
  return 0;
}

void RunOneWithStore(Launcher& launcher, AttackHost& host, const Attack& attack, bool writable) {
  const char* expected =
      attack.expected_with_store != nullptr ? attack.expected_with_store : attack.expected;
  const std::string got = host.RunWithStore(launcher, attack.name, writable);
  Report(attack, expected, got, absl::StrCat(host.Damage(), host.DamageBesideStore()));
}

int RunAttacksWithStore(Launcher& launcher, AttackHost& host) {
  for (const Attack& attack : AllAttacks()) {
    if (attack.expected != nullptr) {
      RunOneWithStore(launcher, host, attack, true);
    }
  }
  for (const Attack& attack : StoreAttacks()) {
    RunOneWithStore(launcher, host, attack, true);
  }
  for (const Attack& attack : StoreReaderAttacks()) {
    RunOneWithStore(launcher, host, attack, false);
  }
  return 0;
}

int RunStartWithStore(Launcher& launcher, AttackHost& host) {
  const auto worker = host.BeginWithStore(launcher, "wait", true);
  printf("%s\n", worker.ok() ? "ready" : std::string(worker.status().message()).c_str());
  return 0;
}

int RunHoldWithStore(Launcher& launcher, AttackHost& host) {
  std::vector<std::unique_ptr<Worker>> workers;
  for (bool writable : {true, false}) {
    absl::StatusOr<std::unique_ptr<Worker>> worker =
        host.BeginWithStore(launcher, "wait", writable);
    if (!worker.ok()) {
      fprintf(stderr, "attack_driver: %s\n", worker.status().ToString().c_str());
      return 1;
    }
    printf("worker %d\n", (*worker)->pid());
    workers.push_back(*std::move(worker));
  }
  fflush(stdout);
  while (true) {
    pause();
  }
}

int RunHold(ZygoteLauncher& launcher, AttackHost& host, int count) {
  std::vector<std::unique_ptr<Worker>> workers;
  for (int i = 0; i < count; ++i) {
    absl::StatusOr<std::unique_ptr<Worker>> worker = host.Begin(launcher, "wait");
    if (!worker.ok()) {
      fprintf(stderr, "attack_driver: %s\n", worker.status().ToString().c_str());
      return 1;
    }
    printf("worker %d\n", (*worker)->pid());
    workers.push_back(*std::move(worker));
  }
  printf("zygote %d\n", launcher.zygote_pid());
  fflush(stdout);
  while (true) {
    pause();
  }
}

int Main(int argc, char** argv) {
  const Arguments arguments = Parse(argc, argv);
  if (!arguments.denied.empty()) {
    Deny(arguments.denied);
  }
  auto launcher = ZygoteLauncher::Start(arguments.launcher);
  if (!launcher.ok()) {
    printf("refused: %s\n", std::string(launcher.status().message()).c_str());
    return 0;
  }
  if (arguments.command == "start") {
    printf("tier %d landlock %d\n", (*launcher)->tier(), (*launcher)->landlock_abi());
    return 0;
  }
  auto host = AttackHost::New();
  if (!host.ok()) {
    fprintf(stderr, "attack_driver: %s\n", host.status().ToString().c_str());
    return 1;
  }
  if (arguments.command == "attacks") {
    return RunAttacks(**launcher, **host);
  }
  if (arguments.command == "attacks-with-store") {
    return RunAttacksWithStore(**launcher, **host);
  }
  if (arguments.command == "start-with-store") {
    return RunStartWithStore(**launcher, **host);
  }
  if (arguments.command == "hold-with-store") {
    return RunHoldWithStore(**launcher, **host);
  }
  if (arguments.command == "hold") {
    return RunHold(**launcher, **host, arguments.count);
  }
  const bool random = arguments.command == "random";
  for (int i = 0; i < arguments.count * (random ? 2 : 1); ++i) {
    const std::string end = (*host)->Run(**launcher, random ? "random" : "syscall", i);
    printf("%d %s\n", i, end.c_str());
  }
  return 0;
}

}  // namespace
}  // namespace holkas

int main(int argc, char** argv) { return holkas::Main(argc, argv); }
