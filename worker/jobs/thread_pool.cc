#include "worker/jobs/thread_pool.h"

#include <pthread.h>

#include <deque>
#include <functional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "proto/wire/error.h"
#include "proto/wire/status_macros.h"

namespace holkas {
namespace {

// Address space, of which a thread touches what it needs; TLS and zlib need far less.
constexpr size_t kStackBytes = 1 << 20;

// absl::Mutex asks for the priority of a thread that waits, now and then; glibc asks the kernel the
// first time alone, which is no longer possible when the sandbox has closed.
void LearnPriority() {
  int policy = 0;
  sched_param parameters = {};
  (void)pthread_getschedparam(pthread_self(), &policy, &parameters);
}

class FixedThreadPool : public ThreadPool {
 public:
  ~FixedThreadPool() override {
    {
      absl::MutexLock lock(&mutex_);
      ending_ = true;
    }
    for (pthread_t thread : threads_) {
      pthread_join(thread, nullptr);
    }
  }

  absl::Status Start(int size) {
    LearnPriority();
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, kStackBytes);
    int error = 0;
    for (int i = 0; i < size && error == 0; ++i) {
      pthread_t thread;
      error = pthread_create(&thread, &attributes, &FixedThreadPool::Main, this);
      if (error == 0) {
        threads_.push_back(thread);
      }
    }
    pthread_attr_destroy(&attributes);
    if (error != 0) {
      return ErrnoError(error, "make a thread");
    }
    if (size > 0) {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(this, &FixedThreadPool::AllWait));
    }
    return absl::OkStatus();
  }

  int size() const override { return static_cast<int>(threads_.size()); }

  void Schedule(std::function<void()> task) override {
    absl::MutexLock lock(&mutex_);
    tasks_.push_back(std::move(task));
  }

 private:
  static void* Main(void* pool) {
    LearnPriority();
    static_cast<FixedThreadPool*>(pool)->Loop();
    return nullptr;
  }

  void Loop() {
    absl::MutexLock lock(&mutex_);
    ++waiting_;
    while (true) {
      mutex_.Await(absl::Condition(this, &FixedThreadPool::HasWorkOrEnds));
      if (tasks_.empty()) {
        return;
      }
      std::function<void()> task = std::move(tasks_.front());
      tasks_.pop_front();
      mutex_.Unlock();
      task();
      task = nullptr;  // what it holds may schedule as it goes
      mutex_.Lock();
    }
  }

  bool AllWait() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return waiting_ == threads_.size(); }
  bool HasWorkOrEnds() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return ending_ || !tasks_.empty();
  }

  std::vector<pthread_t> threads_;  // written by Start alone
  absl::Mutex mutex_;
  std::deque<std::function<void()>> tasks_ ABSL_GUARDED_BY(mutex_);
  size_t waiting_ ABSL_GUARDED_BY(mutex_) = 0;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ThreadPool>> NewThreadPool(int size) {
  if (size < 0 || size > kMaxThreads) {
    return absl::InvalidArgumentError(
        absl::StrCat("make ", size, " threads: not from 0 to ", kMaxThreads));
  }
  auto pool = std::make_unique<FixedThreadPool>();
  RETURN_IF_ERROR(pool->Start(size));
  return pool;
}

}  // namespace holkas
