#ifndef HOLKAS_PROTO_WIRE_WIPE_H_
#define HOLKAS_PROTO_WIRE_WIPE_H_

#include <cstring>
#include <string>

namespace holkas {

// Overwrites what `secret` holds, and empties it.
inline void Wipe(std::string& secret) {
  explicit_bzero(secret.data(), secret.size());
  secret.clear();
}

// Wipes a string, which outlives it, at the end of its scope. What was moved away by then is its
// new owner's; secrets are longer than what strings copy when they move.
class WipedAtEnd {
 public:
  explicit WipedAtEnd(std::string& secret) : secret_(secret) {}
  ~WipedAtEnd() { Wipe(secret_); }
  WipedAtEnd(const WipedAtEnd&) = delete;
  WipedAtEnd& operator=(const WipedAtEnd&) = delete;

 private:
  std::string& secret_;
};

}  // namespace holkas

#endif  // HOLKAS_PROTO_WIRE_WIPE_H_
