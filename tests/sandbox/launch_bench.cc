// launch_bench WORKER [LAUNCHES [TIER]]: launches workers one after the other and prints how long
// each took from the request to Ready.

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
  std::sort(times.begin(), times.end());
  printf("launch tier=%d landlock_abi=%d launches=%zu p50_ms=%.3f p99_ms=%.3f p999_ms=%.3f "
         "rate_per_s=%.0f\n",
         (*launcher)->tier(), (*launcher)->landlock_abi(), launches, Milliseconds(times, 0.5),
         Milliseconds(times, 0.99), Milliseconds(times, 0.999),
         static_cast<double>(launches) / seconds);
  return 0;
}

}  // namespace
}  // namespace holkas

int main(int argc, char** argv) { return holkas::Main(argc, argv); }
