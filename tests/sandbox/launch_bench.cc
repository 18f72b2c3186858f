// launch_bench WORKER [LAUNCHES [TIER [AT_ONCE]]]: launches workers, AT_ONCE at a time (default:
// one after the other), and prints how long each took from the request to Ready, and how many there
// were a second. The worker's end counts for the rate alone.

#include <stdio.h>
#include <stdlib.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
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
  const size_t at_once = argc > 4 ? strtoul(argv[4], nullptr, 10) : 1;
  options.best_tier = tier == "full"       ? v1::SANDBOX_TIER_FULL
                      : tier == "landlock" ? v1::SANDBOX_TIER_LANDLOCK
                                           : v1::SANDBOX_TIER_SECCOMP;
  auto launcher = ZygoteLauncher::Start(options);
  if (!launcher.ok()) {
    fprintf(stderr, "launch_bench: %s\n", launcher.status().ToString().c_str());
    return 1;
  }
  std::vector<absl::Duration> times(launches);
  std::atomic<size_t> next = 0;
  std::atomic<bool> failed = false;
  const auto launch_some = [&] {
    for (size_t i = next++; i < launches && !failed; i = next++) {
      if (absl::Status status = LaunchOne(**launcher, times[i]); !status.ok()) {
        fprintf(stderr, "launch_bench: %s\n", status.ToString().c_str());
        failed = true;
      }
    }
  };
  const absl::Time start = absl::Now();
  std::vector<std::thread> threads;
  for (size_t i = 0; i < at_once; ++i) {
    threads.emplace_back(launch_some);
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  if (failed) {
    return 1;
  }
  const double seconds = absl::ToDoubleSeconds(absl::Now() - start);
  const v1::SandboxTier taken = (*launcher)->tier();
  const int landlock_abi = (*launcher)->landlock_abi();
  std::sort(times.begin(), times.end());
  printf(
      "launch tier=%d landlock_abi=%d launches=%zu at_once=%zu p50_ms=%.3f p99_ms=%.3f "
      "p999_ms=%.3f rate_per_s=%.0f\n",
      taken, landlock_abi, launches, at_once, Milliseconds(times, 0.5), Milliseconds(times, 0.99),
      Milliseconds(times, 0.999), static_cast<double>(launches) / seconds);
  return 0;
}

}  // namespace
}  // namespace holkas

int main(int argc, char** argv) { return holkas::Main(argc, argv); }
