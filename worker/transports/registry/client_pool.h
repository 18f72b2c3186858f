#ifndef HOLKAS_WORKER_TRANSPORTS_REGISTRY_CLIENT_POOL_H_
#define HOLKAS_WORKER_TRANSPORTS_REGISTRY_CLIENT_POOL_H_

#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "worker/http/http_client.h"

namespace holkas {

// HTTP clients that are not in use, with their connections warm. As many come into being as are in
// use at once. Thread-safe.
class ClientPool {
 public:
  // A client in use; destroying it gives the client back. The pool outlives it.
  class Lease {
   public:
    Lease(ClientPool& pool, std::unique_ptr<HttpClient> client)
        : pool_(&pool), client_(std::move(client)) {}
    Lease(Lease&&) = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (client_ != nullptr) {
        pool_->Return(std::move(client_));
      }
    }
    HttpClient& operator*() const { return *client_; }
    HttpClient* operator->() const { return client_.get(); }

   private:
    ClientPool* pool_;
    std::unique_ptr<HttpClient> client_;
  };

  // What `options` refers to outlives the pool.
  explicit ClientPool(HttpClient::Options options) : options_(std::move(options)) {}

  // The client that was used last, or a new one.
  absl::StatusOr<Lease> Take();

 private:
  void Return(std::unique_ptr<HttpClient> client);

  const HttpClient::Options options_;
  absl::Mutex mutex_;
  std::vector<std::unique_ptr<HttpClient>> idle_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_TRANSPORTS_REGISTRY_CLIENT_POOL_H_
