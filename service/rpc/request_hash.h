#ifndef HOLKAS_SERVICE_RPC_REQUEST_HASH_H_
#define HOLKAS_SERVICE_RPC_REQUEST_HASH_H_

#include <string>

#include "absl/status/statusor.h"
#include "google/protobuf/message.h"

namespace holkas {

// Tells whether two requests say the same, when the first one is gone: by HMAC-SHA-256 with a key
// of this object's own, so that nobody who sees a hash finds out by guessing which passwords and
// keys the request held. Thread-safe.
class RequestHash {
 public:
  // Errors: INTERNAL where the kernel has no random bytes.
  static absl::StatusOr<RequestHash> Create();

  // 32 bytes. Nothing of `request` is kept.
  std::string Of(const google::protobuf::Message& request) const;

 private:
  explicit RequestHash(std::string key) : key_(std::move(key)) {}

  std::string key_;
};

}  // namespace holkas

#endif  // HOLKAS_SERVICE_RPC_REQUEST_HASH_H_
