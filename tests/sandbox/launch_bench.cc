// launch_bench WORKER [LAUNCHES [TIER]]: how long it takes, from the request, to have a worker that
// is confined, has its job (an empty one) and has said Finish, where one is wanted every five
// milliseconds; then how many can be launched a second, four
// at once, until LAUNCHES of them have ended, and what this process has grown by meanwhile.

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "broker/broker.pb.h"
#include "proto/wire/status_macros.h"
#include "service/sandbox/spare_launcher.h"
#include "service/sandbox/zygote_launcher.h"

namespace holkas {
namespace {

constexpr size_t kSpares = 4;  // as holkasd's default is
constexpr size_t kAtOnce = 4;
constexpr absl::Duration kPace = absl::Milliseconds(5);
constexpr size_t kPacedLaunches = 1000;

// Until the worker has done its job; its end comes later.
absl::StatusOr<absl::Duration> LaunchOne(Launcher& launcher) {
  broker::ServiceFrame job;
  job.mutable_job();
  const absl::Time start = absl::Now();
  ASSIGN_OR_RETURN(const std::unique_ptr<Worker> worker, launcher.Launch({}));
  RETURN_IF_ERROR(worker->channel().Send(job));
  broker::WorkerFrame frame;
  while (!frame.has_finish()) {
    RETURN_IF_ERROR(worker->channel().Receive(frame, start + absl::Seconds(10)).status());
  }
  return absl::Now() - start;
}

absl::StatusOr<std::vector<absl::Duration>> LaunchPaced(Launcher& launcher) {
  std::vector<absl::Duration> times;
  absl::Time next = absl::Now();
  while (times.size() < kPacedLaunches) {
    absl::SleepFor((next += kPace) - absl::Now());
    ASSIGN_OR_RETURN(times.emplace_back(), LaunchOne(launcher));
  }
  std::sort(times.begin(), times.end());
  return times;
}

// How many a second.
absl::StatusOr<double> LaunchAsFastAsPossible(Launcher& launcher, size_t launches) {
  std::atomic<size_t> begun = 0;
  std::vector<absl::Status> ends(kAtOnce);
  std::vector<std::thread> threads;
  const absl::Time start = absl::Now();
  for (absl::Status& end : ends) {
    threads.emplace_back([&] {
      while (end.ok() && begun++ < launches) {
        end = LaunchOne(launcher).status();
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  for (const absl::Status& end : ends) {
    RETURN_IF_ERROR(end);
  }
  return static_cast<double>(launches) / absl::ToDoubleSeconds(absl::Now() - start);
}

double Milliseconds(const std::vector<absl::Duration>& sorted, double share) {
  const auto at = static_cast<size_t>(share * static_cast<double>(sorted.size() - 1));
  return absl::ToDoubleMilliseconds(sorted[at]);
}

int64_t ResidentKilobytes() {
  int64_t pages = 0;
  if (FILE* file = fopen("/proc/self/statm", "r"); file != nullptr) {
    if (fscanf(file, "%*s %ld", &pages) != 1) {
      pages = 0;
    }
    fclose(file);
  }
  return pages * sysconf(_SC_PAGESIZE) / 1024;
}

absl::Status Measure(const ZygoteLauncher::Options& options, size_t launches) {
  ASSIGN_OR_RETURN(const std::unique_ptr<ZygoteLauncher> launcher, ZygoteLauncher::Start(options));
  SpareLauncher with_spares(*launcher, kSpares);
  ASSIGN_OR_RETURN(const std::vector<absl::Duration> times, LaunchPaced(with_spares));
  printf("launch tier=%d landlock_abi=%d p50_ms=%.3f p99_ms=%.3f p999_ms=%.3f\n", launcher->tier(),
         launcher->landlock_abi(), Milliseconds(times, 0.5), Milliseconds(times, 0.99),
         Milliseconds(times, 0.999));
  const int64_t before = ResidentKilobytes();
  ASSIGN_OR_RETURN(const double rate, LaunchAsFastAsPossible(with_spares, launches));
  printf("launches=%zu at_once=%zu rate_per_s=%.0f growth_kb=%ld\n", launches, kAtOnce, rate,
         ResidentKilobytes() - before);
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  ZygoteLauncher::Options options;
  options.worker_path = argc > 1 ? argv[1] : "";
  const size_t launches = argc > 2 ? strtoul(argv[2], nullptr, 10) : 20000;
  const std::string tier = argc > 3 ? argv[3] : "full";
  options.best_tier = tier == "full"       ? v1::SANDBOX_TIER_FULL
                      : tier == "landlock" ? v1::SANDBOX_TIER_LANDLOCK
                                           : v1::SANDBOX_TIER_SECCOMP;
  const absl::Status status = Measure(options, launches);
  if (!status.ok()) {
    fprintf(stderr, "launch_bench: %s\n", status.ToString().c_str());
  }
  return status.ok() ? 0 : 1;
}

}  // namespace
}  // namespace holkas

int main(int argc, char** argv) { return holkas::Main(argc, argv); }
