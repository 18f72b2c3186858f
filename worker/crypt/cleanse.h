#ifndef HOLKAS_WORKER_CRYPT_CLEANSE_H_
#define HOLKAS_WORKER_CRYPT_CLEANSE_H_

#include <openssl/crypto.h>

#include <string>

namespace holkas {

// For private keys and the keys of messages, when they are of no use any more. OpenSSL overwrites
// its own; what callers hand over, or are given, is theirs.

// Overwrites what `secret` holds, and empties it.
inline void Cleanse(std::string& secret) {
  OPENSSL_cleanse(secret.data(), secret.size());
  secret.clear();
}

// Cleanses a string, which outlives it, at the end of its scope. What was moved away by then is its
// new owner's; keys are longer than what strings copy when they move.
class CleansedAtEnd {
 public:
  explicit CleansedAtEnd(std::string& secret) : secret_(secret) {}
  ~CleansedAtEnd() { Cleanse(secret_); }
  CleansedAtEnd(const CleansedAtEnd&) = delete;
  CleansedAtEnd& operator=(const CleansedAtEnd&) = delete;

 private:
  std::string& secret_;
};

}  // namespace holkas

#endif  // HOLKAS_WORKER_CRYPT_CLEANSE_H_
