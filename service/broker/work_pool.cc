#include "service/broker/work_pool.h"

#include <algorithm>
#include <utility>

namespace holkas {

WorkPool::~WorkPool() {
  std::vector<std::thread> threads;
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    threads.swap(threads_);
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

void WorkPool::PutInLine(Client& client) {
  if (client.in_line_ || client.tasks_.empty() || client.running_ >= client.max_running_) {
    return;
  }
  client.in_line_ = true;
  line_.push_back(&client);
  if (idle_ < static_cast<int>(line_.size()) && static_cast<int>(threads_.size()) < max_threads_) {
    threads_.emplace_back([this] { ThreadMain(); });
  }
}

void WorkPool::ThreadMain() {
  absl::MutexLock lock(&mutex_);
  while (true) {
    auto ready = [this]()
                     ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopping_ || !line_.empty(); };
    ++idle_;
    mutex_.Await(absl::Condition(&ready));
    --idle_;
    if (line_.empty()) {
      return;
    }
    Client& client = *line_.front();
    line_.pop_front();
    client.in_line_ = false;
    std::function<void()> task = std::move(client.tasks_.front());
    client.tasks_.pop_front();
    ++client.running_;
    PutInLine(client);
    mutex_.Unlock();
    task();
    task = nullptr;
    mutex_.Lock();
    // The client lives: Stop waits until nothing of it runs.
    --client.running_;
    PutInLine(client);
  }
}

void WorkPool::Client::Schedule(std::function<void()> task) {
  absl::MutexLock lock(&pool_.mutex_);
  if (!stopped_) {
    tasks_.push_back(std::move(task));
    pool_.PutInLine(*this);
  }
}

void WorkPool::Client::Stop() {
  absl::MutexLock lock(&pool_.mutex_);
  stopped_ = true;
  tasks_.clear();
  std::deque<Client*>& line = pool_.line_;
  line.erase(std::remove(line.begin(), line.end(), this), line.end());
  in_line_ = false;
  auto done = [this] { return running_ == 0; };
  pool_.mutex_.Await(absl::Condition(&done));
}

}  // namespace holkas
