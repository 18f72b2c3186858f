#ifndef HOLKAS_SERVICE_BROKER_WORK_POOL_H_
#define HOLKAS_SERVICE_BROKER_WORK_POOL_H_

#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace holkas {

// Threads for what would block a job's session: connecting, hashing, making files durable. All jobs
// share one pool; each has its own queue in it, and the queues take turns, so that a job with many
// tasks does not hold up one with few. Threads are made when they are needed, up to a bound, and
// end with the pool.
class WorkPool {
 public:
  class Client;

  explicit WorkPool(int max_threads) : max_threads_(max_threads) {}
  WorkPool(const WorkPool&) = delete;
  // Joins the threads. No client may be left.
  ~WorkPool();

 private:
  void ThreadMain();
  // Puts `client` in line if it has a task that may begin now.
  void PutInLine(Client& client) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const int max_threads_;
  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  int idle_ ABSL_GUARDED_BY(mutex_) = 0;
  // Clients with a task that may begin, each once, in the order of their turns.
  std::deque<Client*> line_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mutex_);
};

// One job's queue. Thread-safe.
class WorkPool::Client {
 public:
  // At most `max_running` of its tasks run at once. `pool` must outlive it.
  Client(WorkPool& pool, int max_running) : pool_(pool), max_running_(max_running) {}
  Client(const Client&) = delete;
  ~Client() { Stop(); }

  // Runs `task` on a thread of the pool, after those scheduled before it have begun. Forgets it
  // where Stop was called.
  void Schedule(std::function<void()> task);

  // Forgets the tasks that have not begun and waits for those that have.
  void Stop();

 private:
  friend class WorkPool;
  WorkPool& pool_;
  const int max_running_;
  // Guarded by the pool's mutex.
  bool stopped_ = false;
  bool in_line_ = false;
  int running_ = 0;
  std::deque<std::function<void()>> tasks_;
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_BROKER_WORK_POOL_H_
