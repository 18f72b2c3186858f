#include "worker/transports/registry/client_pool.h"

#include "proto/wire/status_macros.h"

namespace holkas {

absl::StatusOr<ClientPool::Lease> ClientPool::Take() {
  {
    absl::MutexLock lock(&mutex_);
    if (!idle_.empty()) {
      std::unique_ptr<HttpClient> client = std::move(idle_.back());
      idle_.pop_back();
      return Lease(*this, std::move(client));
    }
  }
  ASSIGN_OR_RETURN(std::unique_ptr<HttpClient> client, HttpClient::New(options_));
  return Lease(*this, std::move(client));
}

void ClientPool::Return(std::unique_ptr<HttpClient> client) {
  absl::MutexLock lock(&mutex_);
  idle_.push_back(std::move(client));
}

}  // namespace holkas
