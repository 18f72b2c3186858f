#ifndef HOLKAS_SERVICE_CREDENTIALS_LAYER_KEYRING_H_
#define HOLKAS_SERVICE_CREDENTIALS_LAYER_KEYRING_H_

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "broker/broker.pb.h"
#include "holkas/v1/image_service.pb.h"
#include "service/broker/cancellation.h"

namespace holkas {

// Answers the UnwrapKey calls of one job's worker with the caller's private keys, which that worker
// does not see: an unwrap worker, which reads no image and has no peer, finds out what is wrapped.
// Thread-safe.
class LayerKeyring {
 public:
  // Runs an unwrap worker's job; blocks. Gives its serialised result.
  using RunJob = std::function<absl::StatusOr<std::string>(const broker::JobSpec& job,
                                                           const Cancellation& cancellation)>;

  // No job asks more often than this.
  static constexpr int kMaxCalls = 20'000;

  // `keys` outlive the keyring.
  LayerKeyring(const std::vector<v1::DecryptionKey>& keys, RunJob run);

  // The key of a layer, of the size that it must have.
  // Errors: INTERNAL (WORKER_VIOLATION) for a question that no honest worker asks; as WrappedKeys
  // in broker.proto otherwise. Nothing that the unwrap worker says in words comes back: it has seen
  // the private keys.
  absl::StatusOr<broker::LayerKey> Unwrap(const broker::WrappedKeys& wrapped,
                                          const Cancellation& cancellation);

 private:
  const std::vector<v1::DecryptionKey>& keys_;
  const RunJob run_;
  std::atomic<int> calls_ = 0;
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_CREDENTIALS_LAYER_KEYRING_H_
