#include "service/sandbox/spare_launcher.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/time/clock.h"

namespace holkas {
namespace {

// How soon the spares of a replaced zygote are given up.
constexpr absl::Duration kLookAfter = absl::Seconds(5);
// After a launch that failed.
constexpr absl::Duration kPause = absl::Seconds(1);

}  // namespace

SpareLauncher::SpareLauncher(Launcher& launcher, int spares)
    : launcher_(launcher), wanted_(static_cast<size_t>(spares)) {
  if (wanted_ > 0) {
    thread_ = std::thread([this] { Run(); });
  }
}

SpareLauncher::~SpareLauncher() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  if (thread_.joinable()) {
    thread_.join();
  }
}

absl::StatusOr<std::unique_ptr<Worker>> SpareLauncher::Launch(const WorkerNeeds& needs) {
  if (std::unique_ptr<Worker> worker = Take(needs); worker != nullptr) {
    return worker;
  }
  return launcher_.Launch(needs);
}

std::unique_ptr<Worker> SpareLauncher::Take(const WorkerNeeds& needs) {
  std::deque<Spare> unfit;  // destroyed, which waits for their ends, without the lock
  if (needs.threads > 0 || !needs.directories.empty()) {
    return nullptr;
  }
  absl::MutexLock lock(&mutex_);
  certificate_store_ = certificate_store_ || needs.certificate_store;
  while (!ready_.empty()) {
    Spare spare = std::move(ready_.front());
    ready_.pop_front();
    if (spare.worker->serviceable() && (spare.has_certificate_store || !needs.certificate_store)) {
      return std::move(spare.worker);
    }
    unfit.push_back(std::move(spare));
  }
  return nullptr;
}

std::deque<SpareLauncher::Spare> SpareLauncher::TakeStale() {
  const auto stale = std::stable_partition(
      ready_.begin(), ready_.end(), [](const Spare& spare) { return spare.worker->serviceable(); });
  std::deque<Spare> taken(std::make_move_iterator(stale), std::make_move_iterator(ready_.end()));
  ready_.erase(stale, ready_.end());
  return taken;
}

void SpareLauncher::Run() {
  while (true) {
    bool certificate_store = false;
    std::deque<Spare> stale;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.AwaitWithTimeout(absl::Condition(this, &SpareLauncher::HasWork), kLookAfter);
      if (stopping_) {
        return;
      }
      stale = TakeStale();
      if (ready_.size() >= wanted_) {
        continue;
      }
      certificate_store = certificate_store_;
      if (!ready_.empty()) {
        // The processor is for the job that took one.
        mutex_.AwaitWithTimeout(absl::Condition(&stopping_), absl::Milliseconds(1));
      }
    }
    stale.clear();
    absl::StatusOr<std::unique_ptr<Worker>> worker =
        launcher_.Launch({.certificate_store = certificate_store});
    absl::MutexLock lock(&mutex_);
    if (worker.ok()) {
      ready_.push_back({*std::move(worker), certificate_store});
    } else {
      // A request tells why.
      mutex_.AwaitWithTimeout(absl::Condition(&stopping_), kPause);
    }
  }
}

}  // namespace holkas
