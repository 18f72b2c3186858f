// launch_bench WORKER [LAUNCHES [TIER]]: launches workers one after the other and prints how long
// each took from the request to Ready, and the CPU time of all processes for each.

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "broker/broker.pb.h"
#include "service/sandbox/zygote_launcher.h"

namespace holkas {
namespace {

absl::Status LaunchOne(Launcher& launcher, absl::Duration& to_ready) {
  broker::ServiceFrame job;
  job.mutable_job();
  const absl::Time start = absl::Now();
  absl::StatusOr<std::unique_ptr<Worker>> worker = launcher.Launch(false);
  if (!worker.ok()) {
    return worker.status();
  }
  absl::Status sent = (*worker)->channel().Send(job);
  if (!sent.ok()) {
    return sent;
  }
  broker::WorkerFrame frame;
  const auto ready = (*worker)->channel().Receive(frame, start + absl::Seconds(10));
  to_ready = absl::Now() - start;
  return ready.status();
}

double Milliseconds(const std::vector<absl::Duration>& sorted, double share) {
  const auto at = static_cast<size_t>(share * static_cast<double>(sorted.size() - 1));
  return absl::ToDoubleMilliseconds(sorted[at]);
}

// Of this process and of those that it waited for.
double CpuSeconds() {
  double seconds = 0;
  for (int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage usage = {};
    getrusage(who, &usage);
    for (const timeval& time : {usage.ru_utime, usage.ru_stime}) {
      seconds += static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
    }
  }
  return seconds;
}

int Main(int argc, char** argv) {
  ZygoteLauncher::Options options;
  options.worker_path = argc > 1 ? argv[1] : "";
  const size_t launches = argc > 2 ? strtoul(argv[2], nullptr, 10) : 20000;
  const std::string tier = argc > 3 ? argv[3] : "full";
  options.best_tier = tier == "full"       ? v1::SANDBOX_TIER_FULL
                      : tier == "landlock" ? v1::SANDBOX_TIER_LANDLOCK
                                           : v1::SANDBOX_TIER_SECCOMP;
  auto launcher = ZygoteLauncher::Start(options);
  if (!launcher.ok()) {
    fprintf(stderr, "launch_bench: %s\n", launcher.status().ToString().c_str());
    return 1;
  }
  std::vector<absl::Duration> times(launches);
  const absl::Time start = absl::Now();
  for (absl::Duration& time : times) {
    if (absl::Status status = LaunchOne(**launcher, time); !status.ok()) {
      fprintf(stderr, "launch_bench: %s\n", status.ToString().c_str());
      return 1;
    }
  }
  const double seconds = absl::ToDoubleSeconds(absl::Now() - start);
  const v1::SandboxTier taken = (*launcher)->tier();
  const int landlock_abi = (*launcher)->landlock_abi();
  launcher->reset();  // waits for its processes, whose time counts then
  std::sort(times.begin(), times.end());
  printf(
      "launch tier=%d landlock_abi=%d launches=%zu p50_ms=%.3f p99_ms=%.3f p999_ms=%.3f "
      "rate_per_s=%.0f cpu_ms=%.3f\n",
      taken, landlock_abi, launches, Milliseconds(times, 0.5), Milliseconds(times, 0.99),
      Milliseconds(times, 0.999), static_cast<double>(launches) / seconds,
      1000 * CpuSeconds() / static_cast<double>(launches));
  return 0;
}

}  // namespace
}  // namespace holkas

int main(int argc, char** argv) { return holkas::Main(argc, argv); }
